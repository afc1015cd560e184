//! Installed packages.

use super::record::record;
use crate::system::{
    SystemError,
    packages::{self, Package},
};

record! {
    /// A package.
    Row {
        name: String,
        version: Option<String>,
        architecture: Option<String>,
        /// `dpkg` or `nix`.
        manager: &'static str,
        /// Where Nix keeps it.
        path: Option<String>,
    }
}

pub(super) fn rows() -> Result<Vec<Row>, SystemError> {
    let row = |package: Package| {
        let Package { name, version, architecture, manager, path } = package;
        Row { name, version, architecture, manager, path }
    };
    Ok(packages::installed()?.into_iter().map(row).collect())
}
