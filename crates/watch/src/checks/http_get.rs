//! A URL answers as it should: status, headers, body, and a certificate that is trusted.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::{
    Saw,
    http::{Answer, checked, get},
};

/// Which URL, and what is good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpGet {
    url: String,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body_contains: Option<String>,
    ca_file: Option<PathBuf>,
}

impl HttpGet {
    pub(super) fn checked(&self) -> Result<String, String> {
        if self.headers.len() > 16 {
            return Err("16 headers at most".into());
        }
        checked(&self.url).map(|_| self.url.clone())
    }

    pub(super) async fn look(&self) -> Saw {
        let answer = match checked(&self.url) {
            Ok(uri) => get(&uri, self.ca_file.as_deref()).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => self.judge(&answer),
            Err(error) => Saw::bad(error),
        }
    }

    fn judge(&self, answer: &Answer) -> Saw {
        let status = answer.status;
        if self.status.map_or(!status.is_success(), |good| status != good) {
            return Saw::bad(format!("it answered {status}"));
        }
        for (name, part) in &self.headers {
            let values = answer.headers.get_all(name.as_str());
            if !values.iter().filter_map(|value| value.to_str().ok()).any(|value| value.contains(part.as_str())) {
                return Saw::bad(format!("header {name} has no {part:?}"));
            }
        }
        match &self.body_contains {
            Some(part) if !String::from_utf8_lossy(&answer.body).contains(part.as_str()) => {
                Saw::bad(format!("the body has no {part:?}"))
            }
            _ => Saw::ok(format!("it answered {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use osmoda_api::watch::CheckState;

    use super::*;

    #[test]
    fn status_headers_and_body_must_all_be_good() {
        let mut headers = HeaderMap::new();
        headers.append("x-version", "2.1 blue".parse().unwrap());
        let answer = |status: u16| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.clone(),
            body: b"all is ready".to_vec(),
        };
        let check = |status: Option<u16>, header: Option<&str>, body: Option<&str>| HttpGet {
            url: "http://x/".into(),
            status,
            headers: header.map(|part| ("X-Version".to_owned(), part.to_owned())).into_iter().collect(),
            body_contains: body.map(str::to_owned),
            ca_file: None,
        };
        for (check, status, good) in [
            (check(None, None, None), 204, true),
            (check(None, None, None), 302, false),
            (check(None, None, None), 500, false),
            (check(Some(302), None, None), 302, true),
            (check(Some(200), None, None), 204, false),
            (check(None, Some("2.1"), Some("ready")), 200, true),
            (check(None, Some("2.2"), Some("ready")), 200, false),
            (check(None, Some("2.1"), Some("steady")), 200, false),
        ] {
            assert_eq!(check.judge(&answer(status)).state == CheckState::Ok, good, "{check:?} {status}");
        }
    }
}
