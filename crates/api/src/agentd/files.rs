//! Files and folders.

use osmoda_ipc::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{endpoint, osmoda_api_about};

/// The largest file that is read or written whole: 10 MiB.
pub const LARGEST_FILE: u64 = 10 << 20;

endpoint! {
    /// Read a file: text by lines, or base64 where it is not UTF-8. 10 MiB at most.
    FileRead = Post "/file/read" as "file_read", Read, FileReadRequest => FileContent, {
        const RECORD: Record = Record::Outcome;
        // Files that hold secrets need leave to be read.
        const GATED: bool = true;

        fn receipt(answer: &FileContent) -> Value {
            json!({ "path": answer.path, "size": answer.size })
        }
    }
}

/// Which file, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileReadRequest {
    /// An absolute path.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// At most so many lines; 500 by default.
    #[serde(default, rename = "maxLines", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_lines: Option<u64>,
    /// Lines to skip first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The operator's approval, where the file holds secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileContent {
    /// The file, with symbolic links resolved.
    pub path: String,
    /// The lines asked for, or all of it in base64.
    pub content: String,
    /// How many lines `content` has; 0 for base64.
    pub lines: u64,
    /// Whether there is more.
    pub truncated: bool,
    /// The file's size in bytes.
    pub size: u64,
    /// What `content` is.
    pub encoding: Encoding,
}

/// How bytes stand in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// As text.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// As standard base64 with padding (RFC 4648).
    #[serde(rename = "base64")]
    Base64,
}

endpoint! {
    /// Write a file: replaced whole and durably, or appended to. Guarded paths need an approval.
    FileWrite = Post "/file/write" as "file_write", Destructive, FileWriteRequest => Written, {
        // 10 MiB in base64, every character of it escaped at worst by nothing.
        const BODY_LIMIT: usize = 15 << 20;

        fn audit(request: &FileWriteRequest) -> Value {
            json!({
                "path": request.path, "append": request.append, "mode": request.mode,
                "encoding": request.encoding, "content": { "bytes": request.content.len() },
            })
        }

        fn receipt(answer: &Written) -> Value {
            json!(answer)
        }
    }
}

/// What to write where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileWriteRequest {
    /// An absolute path; missing folders are made.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// What to write.
    #[schemars(length(max = 14_680_064))]
    pub content: String,
    /// Append instead of replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append: Option<bool>,
    /// What `content` is; utf-8 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Permission bits in octal, such as 0640; an existing file keeps its own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5))]
    pub mode: Option<String>,
    /// The operator's approval of exactly this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub approval_id: Option<String>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// The file, with symbolic links resolved.
    pub path: String,
    /// How many bytes were written.
    pub bytes: u64,
}

endpoint! {
    /// List a folder: names, kinds, sizes in bytes, times of change.
    DirectoryList = Post "/directory/list" as "directory_list", Read, DirectoryRequest => Directory
}

/// Which folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryRequest {
    /// An absolute path.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
    /// Also what is in the folders below; links are not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Directory {
    /// The folder, with symbolic links resolved.
    pub path: String,
    /// Its entries by name; below the folder, by relative path.
    pub entries: Vec<Entry>,
    /// Whether there are more than are shown (10,000 at most).
    pub truncated: bool,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its name, or its path below the folder.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// Size in bytes.
    pub size: u64,
    /// Time of its last change (RFC 3339).
    pub mtime: String,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket, pipe or device.
    Other,
}
