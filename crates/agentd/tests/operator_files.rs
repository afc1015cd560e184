//! Operators' files over the socket: below the roots, and nowhere else.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{fs, os::unix::fs::symlink};

use common::{Agentd, fault};
use osmoda_api::agentd::{
    DirectoryRequest, FileDelete, FilePath, FileReadRequest, FileRename, FileUpload, FileWriteRequest,
    OperatorFileDelete, OperatorFileDownload, OperatorFileList, OperatorFileMkdir, OperatorFileRead,
    OperatorFileRename, OperatorFileUpload, OperatorFileWrite,
};

#[tokio::test]
async fn an_operator_works_below_the_roots() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let agentd = Agentd::start_with(&format!("[agentd.files]\nroots = [{:?}]\n", root.path())).await;
    let operator = agentd.operator();
    operator.call::<OperatorFileMkdir>(&FilePath { path: at("a") }).await.unwrap();
    let text = FileWriteRequest { path: at("a/text"), content: "one\ntwo\n".into(), ..Default::default() };
    assert_eq!(operator.call::<OperatorFileWrite>(&text).await.unwrap().bytes, 8);
    let bytes = FileUpload { path: at("a/bytes"), content: "AAH/".into(), mode: Some("0600".into()) };
    operator.call::<OperatorFileUpload>(&bytes).await.unwrap();
    assert_eq!(fs::read(at("a/bytes")).unwrap(), [0, 1, 255]);
    let read = FileReadRequest { path: at("a/text"), offset: Some(1), ..Default::default() };
    assert_eq!(operator.call::<OperatorFileRead>(&read).await.unwrap().content, "two\n");
    let down = operator.call::<OperatorFileDownload>(&FilePath { path: at("a/text") }).await.unwrap();
    assert_eq!((down.content.as_str(), down.size), ("b25lCnR3bwo=", 8));
    let rename = FileRename { path: at("a/text"), to: at("a/moved") };
    operator.call::<OperatorFileRename>(&rename).await.unwrap();
    let onto = FileRename { path: at("a/moved"), to: at("a/bytes") };
    assert_eq!(fault::<OperatorFileRename>(&operator, &onto).await.code(), "already_exists");
    let listed = operator.call::<OperatorFileList>(&DirectoryRequest { path: at("a"), recursive: None }).await.unwrap();
    assert_eq!(listed.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["bytes", "moved"]);
    let whole = FileDelete { path: at("a"), recursive: None };
    assert_eq!(fault::<OperatorFileDelete>(&operator, &whole).await.code(), "folder_not_empty");
    operator.call::<OperatorFileDelete>(&FileDelete { recursive: Some(true), ..whole }).await.unwrap();
    assert!(!root.path().join("a").exists());
    let root_itself = FileDelete { path: root.path().to_str().unwrap().into(), recursive: Some(true) };
    assert_eq!(fault::<OperatorFileDelete>(&operator, &root_itself).await.code(), "outside_roots");
    let kinds = agentd.kinds().await;
    assert!(kinds.contains(&"operator_file_delete.intent".to_owned()), "{kinds:?}");
}

#[tokio::test]
async fn nothing_leads_out_of_the_roots_and_no_agent_in() {
    let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(other.path().join("secret"), "secret").unwrap();
    symlink(other.path(), root.path().join("folder")).unwrap();
    symlink(other.path().join("secret"), root.path().join("file")).unwrap();
    let agentd =
        Agentd::start_with(&format!("[agentd.files]\nroots = [{:?}, \"/nowhere/at/all\"]\n", root.path())).await;
    let operator = agentd.operator();
    let inside = |name: &str| format!("{}/{name}", root.path().display());
    let outside = format!("{}/../{}", root.path().display(), other.path().file_name().unwrap().to_str().unwrap());
    for path in [inside("folder/secret"), inside("file"), format!("{outside}/secret"), "/etc/hostname".into()] {
        let read = FileReadRequest { path: path.clone(), ..Default::default() };
        assert_eq!(fault::<OperatorFileRead>(&operator, &read).await.code(), "outside_roots", "{path}");
        let down = FilePath { path: path.clone() };
        assert_eq!(fault::<OperatorFileDownload>(&operator, &down).await.code(), "outside_roots", "{path}");
        let write = FileWriteRequest { path: path.clone(), content: "x".into(), ..Default::default() };
        assert_eq!(fault::<OperatorFileWrite>(&operator, &write).await.code(), "outside_roots", "{path}");
    }
    for path in [inside("folder/new"), format!("{outside}/new")] {
        assert_eq!(
            fault::<OperatorFileMkdir>(&operator, &FilePath { path: path.clone() }).await.code(),
            "outside_roots"
        );
        let delete = FileDelete { path: path.clone(), recursive: Some(true) };
        assert_eq!(fault::<OperatorFileDelete>(&operator, &delete).await.code(), "outside_roots");
        let rename = FileRename { path: inside("file"), to: path };
        assert_eq!(fault::<OperatorFileRename>(&operator, &rename).await.code(), "outside_roots");
    }
    let list = DirectoryRequest { path: inside("folder"), recursive: None };
    assert_eq!(fault::<OperatorFileList>(&operator, &list).await.code(), "outside_roots");
    // A link that leads out is an entry like any other: it goes, and what it leads to stays.
    let link = FileDelete { path: inside("folder"), recursive: Some(true) };
    operator.call::<OperatorFileDelete>(&link).await.unwrap();
    assert_eq!(fs::read_to_string(other.path().join("secret")).unwrap(), "secret");
    let read = FileReadRequest { path: inside("file"), ..Default::default() };
    assert_eq!(fault::<OperatorFileRead>(&agentd.agent(), &read).await.code(), "forbidden");
}
