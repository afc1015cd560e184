//! The text of a document, as markdown, whatever it is: markdown, text, HTML, or the text layer of a PDF.

use std::{panic, path::Path, sync::mpsc, thread, time::Duration};

use crate::MemoryError;

/// A file that is hostile enough may make a reader think for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// No document's text is longer: what a small archive unfolds to ends here.
const LONGEST: usize = 32 << 20;

/// Reads the text.
pub(super) fn text(name: &str, content: Vec<u8>) -> Result<String, MemoryError> {
    let unreadable = |why: &str| MemoryError::Unreadable { name: name.to_owned(), why: why.to_owned() };
    let ending = Path::new(name).extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let text = match ending.as_str() {
        "pdf" => within_patience(name, move || {
            pdf_extract::extract_text_from_mem(&content).map_err(|error| error.to_string())
        })?,
        "html" | "htm" | "xhtml" => {
            let html = utf8(name, content)?;
            within_patience(name, move || markdown(&html))?
        }
        "md" | "markdown" | "txt" | "text" | "rst" | "org" | "adoc" | "log" | "" => utf8(name, content)?,
        _ => return Err(unreadable("its ending is none of md, txt, rst, org, adoc, log, html, pdf")),
    };
    if !text.chars().any(char::is_alphanumeric) {
        return Err(unreadable(
            "there is no text in it; a scanned PDF needs its text layer first, as ocrmypdf makes it",
        ));
    }
    match text.len() > LONGEST {
        true => Err(unreadable("it has more than 32 MiB of text")),
        false => Ok(text.replace('\0', "")),
    }
}

fn markdown(html: &str) -> Result<String, String> {
    let skipped = vec!["script", "style", "nav", "noscript", "svg", "iframe"];
    let converter = htmd::HtmlToMarkdown::builder().skip_tags(skipped).build();
    converter.convert(html).map_err(|error| error.to_string())
}

fn utf8(name: &str, content: Vec<u8>) -> Result<String, MemoryError> {
    String::from_utf8(content)
        .map_err(|_| MemoryError::Unreadable { name: name.to_owned(), why: "it is not in UTF-8".into() })
}

/// The readers of other people's formats may panic and may not end; neither is this daemon's end.
fn within_patience(
    name: &str,
    read: impl FnOnce() -> Result<String, String> + Send + 'static,
) -> Result<String, MemoryError> {
    let unreadable = |why: String| MemoryError::Unreadable { name: name.to_owned(), why };
    let (done, wait) = mpsc::channel();
    let reader = thread::Builder::new().name("document".into()).stack_size(16 << 20).spawn(move || {
        let result = panic::catch_unwind(panic::AssertUnwindSafe(read)).unwrap_or_else(|_| Err("it is damaged".into()));
        // Nobody waits any more where it took too long.
        let _ = done.send(result);
    });
    reader.map_err(|error| unreadable(error.to_string()))?;
    wait.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("reading it took more than a minute".into())).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        let html = b"<html><head><title>t</title><style>p{}</style></head><body><h1>Guide</h1><script>x()</script><p>Ports &amp; <b>hosts</b></p></body></html>";
        let text = text("a.HTML", html.to_vec()).unwrap();
        assert!(
            text.contains("# Guide")
                && text.contains("Ports & **hosts**")
                && !text.contains("x()")
                && !text.contains("p{}"),
            "{text}"
        );
        assert_eq!(super::text("a.md", b"# \xc3\xa9".to_vec()).unwrap(), "# \u{e9}");
    }

    #[test]
    fn what_can_t_be_read_says_why() {
        for (name, content, why) in [
            ("a.exe", &b"MZ"[..], "ending"),
            ("a.txt", b"\xff\xfe", "UTF-8"),
            ("a.txt", b" \n", "no text"),
            ("a.pdf", b"%PDF-1.7 nothing", ""),
            ("a.pdf", b"", ""),
        ] {
            let error = text(name, content.to_vec()).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(name), "{error}");
        }
    }
}
