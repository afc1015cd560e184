//! Operators' files, for control planes and user interfaces: under the roots of the configuration, without an agent's
//! gates.

use osmoda_ipc::{Access, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Directory, DirectoryRequest, FileContent, FileReadRequest, FileWriteRequest, Written};
use crate::{endpoint, osmoda_api_about};

/// 10 MiB in base64, and what stands around it.
const UPLOAD_LIMIT: usize = 15 << 20;

endpoint! {
    /// List a folder below an allowed root. Operators only.
    OperatorFileList = Post "/operator/files/list" as "operator_file_list", Read, DirectoryRequest => Directory, {
        const ACCESS: Access = Access::Operator;
    }
}

endpoint! {
    /// Read lines of a file below an allowed root. Operators only.
    OperatorFileRead = Post "/operator/files/read" as "operator_file_read", Read, FileReadRequest => FileContent, {
        const ACCESS: Access = Access::Operator;
        const RECORD: Record = Record::Outcome;

        fn receipt(answer: &FileContent) -> Value {
            json!({ "path": answer.path, "size": answer.size })
        }
    }
}

endpoint! {
    /// Write a file below an allowed root. Operators only.
    OperatorFileWrite = Post "/operator/files/write" as "operator_file_write", Destructive, FileWriteRequest => Written, {
        const ACCESS: Access = Access::Operator;
        const BODY_LIMIT: usize = UPLOAD_LIMIT;

        fn audit(request: &FileWriteRequest) -> Value {
            json!({ "path": request.path, "append": request.append, "mode": request.mode, "content": { "bytes": request.content.len() } })
        }

        fn receipt(answer: &Written) -> Value {
            json!(answer)
        }
    }
}

endpoint! {
    /// Upload a file of any bytes, 10 MiB at most, below an allowed root. Operators only.
    OperatorFileUpload = Post "/operator/files/upload" as "operator_file_upload", Destructive, FileUpload => Written, {
        const ACCESS: Access = Access::Operator;
        const BODY_LIMIT: usize = UPLOAD_LIMIT;

        fn audit(request: &FileUpload) -> Value {
            json!({ "path": request.path, "mode": request.mode, "content": { "base64_bytes": request.content.len() } })
        }

        fn receipt(answer: &Written) -> Value {
            json!(answer)
        }
    }
}

/// A file of any bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileUpload {
    /// An absolute path; missing folders are made.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// The bytes in base64.
    #[schemars(length(max = 14_680_064))]
    pub content: String,
    /// Permission bits in octal, such as 0640; an existing file keeps its own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5))]
    pub mode: Option<String>,
}

endpoint! {
    /// Download a file whole, 10 MiB at most, from below an allowed root. Operators only.
    OperatorFileDownload = Post "/operator/files/download" as "operator_file_download", Read, FilePath => FileDownload, {
        const ACCESS: Access = Access::Operator;
        const RECORD: Record = Record::Outcome;

        fn receipt(answer: &FileDownload) -> Value {
            json!({ "path": answer.path, "size": answer.size })
        }
    }
}

/// Which file or folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePath {
    /// An absolute path.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

/// A file whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileDownload {
    /// The file, with symbolic links resolved.
    pub path: String,
    /// Its bytes in base64.
    pub content: String,
    /// Its size in bytes.
    pub size: u64,
}

endpoint! {
    /// Make a folder below an allowed root. Operators only.
    OperatorFileMkdir = Post "/operator/files/mkdir" as "operator_file_mkdir", Destructive, FilePath => FileChanged, {
        const ACCESS: Access = Access::Operator;
    }
}

endpoint! {
    /// Rename or move a file or folder below the allowed roots; nothing is overwritten. Operators only.
    OperatorFileRename = Post "/operator/files/rename" as "operator_file_rename", Destructive, FileRename => FileChanged, {
        const ACCESS: Access = Access::Operator;
    }
}

/// From where to where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRename {
    /// An absolute path.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// The new absolute path, on the same file system.
    #[schemars(length(min = 1, max = 4096))]
    pub to: String,
}

endpoint! {
    /// Delete a file, a link, or a folder below an allowed root. Operators only.
    OperatorFileDelete = Post "/operator/files/delete" as "operator_file_delete", Destructive, FileDelete => FileChanged, {
        const ACCESS: Access = Access::Operator;
    }
}

/// What to delete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDelete {
    /// An absolute path; a link itself is deleted, not what it leads to.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// A folder with everything in it; without, only an empty one goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
}

/// What was changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileChanged {
    /// Where it is now, or was.
    pub path: String,
}
