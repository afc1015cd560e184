//! dpkg's record of its packages, /var/lib/dpkg/status: paragraphs of fields, see deb822(5).

use std::{io, path::Path};

use super::{MOST_PACKAGES, Package};
use crate::system::{SystemError, text};

/// The most of one field that is told, in bytes.
const LONGEST_FIELD: usize = 256;

/// What is installed; None where there is no dpkg.
pub(super) fn installed(root: &Path) -> Result<Option<Vec<Package>>, SystemError> {
    let path = root.join("var/lib/dpkg/status");
    match text::read_io(&path) {
        Ok(status) => Ok(Some(parse(&status))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SystemError::unreadable(path.to_string_lossy(), error)),
    }
}

/// One paragraph as far as it has been read.
#[derive(Default)]
struct Paragraph<'a> {
    name: &'a [u8],
    version: &'a [u8],
    architecture: &'a [u8],
    status: &'a [u8],
}

impl Paragraph<'_> {
    /// None where it isn't installed: removed with its configuration left, half installed, and so on.
    fn package(&self) -> Option<Package> {
        let is_installed = text::fields(self.status).nth(2) == Some(b"installed");
        let told = |field: &[u8]| (!field.is_empty()).then(|| text::lossy(field, LONGEST_FIELD));
        Some(Package {
            name: told(self.name).filter(|_| is_installed)?,
            version: told(self.version),
            architecture: told(self.architecture),
            manager: "dpkg",
            path: None,
        })
    }
}

fn parse(status: &[u8]) -> Vec<Package> {
    let mut packages = Vec::new();
    let mut paragraph = Paragraph::default();
    for line in status.split(|byte| *byte == b'\n').chain([&b""[..]]) {
        if line.trim_ascii().is_empty() {
            packages.extend(std::mem::take(&mut paragraph).package());
            if packages.len() >= MOST_PACKAGES {
                break;
            }
            continue;
        }
        // A line that begins with a blank goes on with the field before: by its blank it is no field's name.
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let field = match name.to_ascii_lowercase().as_slice() {
            b"package" => &mut paragraph.name,
            b"version" => &mut paragraph.version,
            b"architecture" => &mut paragraph.architecture,
            b"status" => &mut paragraph.status,
            _ => continue,
        };
        *field = value;
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_installed_is_told() {
        let status = "Package: bash\nEssential: yes\nStatus: install ok installed\nArchitecture: amd64\n\
                      Version: 5.2.15-2+b7\n\
                      Description: GNU shell\n Package: not-this\n .\n Version: 0\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\n\
                      Package: held\nStatus: hold ok installed\nArchitecture: all\nVersion: 1:2~rc1\n\n\
                      Package: half\nStatus: install reinstreq half-installed\n \n\
                      Status: install ok installed\nVersion: 3\n\n\
                      garbage\n:\npackage: last\nstatus:install ok installed";
        let told: Vec<_> = parse(status.as_bytes())
            .into_iter()
            .map(|package| {
                (package.name, package.version.unwrap_or_default(), package.architecture.unwrap_or_default())
            })
            .collect();
        let expected = [("bash", "5.2.15-2+b7", "amd64"), ("held", "1:2~rc1", "all"), ("last", "", "")];
        assert_eq!(told, expected.map(|(name, version, of)| (name.to_owned(), version.to_owned(), of.to_owned())));
        assert!(parse(b"").is_empty());
    }
}
