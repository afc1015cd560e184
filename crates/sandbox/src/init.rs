//! The program that becomes process 1 of every sandbox, and how bwrap is given it.

use std::{
    fs, io,
    io::{Seek, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
};

use nix::{
    fcntl::{OFlag, open},
    sys::{
        memfd::{MFdFlags, memfd_create},
        stat::Mode,
    },
};

/// Every sandbox's first program.
#[derive(Debug)]
pub struct Init(Source);

#[derive(Debug)]
enum Source {
    /// Mounted where it is, by this descriptor.
    Bound(OwnedFd),
    /// bwrap follows a descriptor to its name, as an account that may not go everywhere: what lies behind a closed folder,
    /// as programs that somebody built at home do, is handed to each sandbox as its content.
    Copied(Vec<u8>),
}

/// What bwrap is given for one sandbox.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) file: OwnedFd,
    /// The file is to be copied, not mounted.
    pub(crate) is_content: bool,
}

impl Init {
    /// Opens the program beside this one. To be done before root is given up.
    pub fn own() -> io::Result<Self> {
        let path = std::env::current_exe()?.with_file_name("osmoda-sandbox-init");
        Self::at(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}; install osmoda anew", path.display())))
    }

    fn at(path: &Path) -> io::Result<Self> {
        if !is_open_to_all(path)? {
            return fs::read(path).map(|content| Self(Source::Copied(content)));
        }
        let file = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Self(Source::Bound(file)))
    }

    /// For one sandbox.
    pub(crate) fn give(&self) -> io::Result<Given> {
        match &self.0 {
            Source::Bound(file) => Ok(Given { file: file.as_fd().try_clone_to_owned()?, is_content: false }),
            Source::Copied(content) => {
                let mut file = fs::File::from(memfd_create("osmoda-sandbox-init", MFdFlags::MFD_CLOEXEC)?);
                file.write_all(content)?;
                file.rewind()?;
                Ok(Given { file: file.into(), is_content: true })
            }
        }
    }
}

/// Whether everybody may go to a program and start it.
fn is_open_to_all(path: &Path) -> io::Result<bool> {
    let path = fs::canonicalize(path)?;
    let may = |path: &Path, wanted: u32| Ok(fs::metadata(path)?.permissions().mode() & wanted == wanted);
    let folders: io::Result<Vec<bool>> = path.ancestors().skip(1).map(|folder| may(folder, 0o001)).collect();
    Ok(may(&path, 0o005)? && folders?.into_iter().all(|open| open))
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, io::Read};

    use super::*;

    #[test]
    fn a_program_in_a_closed_folder_is_handed_over_as_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("init");
        fs::write(&path, "program").unwrap();
        for (of_folder, of_file, is_content) in [(0o755, 0o755, false), (0o700, 0o755, true), (0o755, 0o750, true)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(of_folder)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(of_file)).unwrap();
            let init = Init::at(&path).unwrap();
            for _ in 0..2 {
                let given = init.give().unwrap();
                assert_eq!(given.is_content, is_content, "{of_folder:o} {of_file:o}");
                if is_content {
                    let mut content = String::new();
                    fs::File::from(given.file).read_to_string(&mut content).unwrap();
                    assert_eq!(content, "program", "each sandbox reads it from its beginning");
                }
            }
        }
        assert!(Init::at(&folder.path().join("none")).is_err());
    }
}
