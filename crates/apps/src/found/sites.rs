//! The domains that nginx and Caddy serve, out of their settings.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use osmoda_api::agentd::{App, AppSource};

use super::{MOST, entries, shown, text};

pub(super) fn nginx(root: &Path) -> Vec<App> {
    let folder = root.join("etc/nginx");
    let in_conf =
        entries(&folder.join("conf.d")).into_iter().filter(|path| path.extension().is_some_and(|end| end == "conf"));
    let files = entries(&folder.join("sites-enabled")).into_iter().chain(in_conf).chain([folder.join("nginx.conf")]);
    sites(root, files, "nginx", server_names)
}

pub(super) fn caddy(root: &Path) -> Vec<App> {
    let folder = root.join("etc/caddy");
    let files = [folder.join("Caddyfile")].into_iter().chain(entries(&folder.join("conf.d")));
    sites(root, files, "caddy", site_blocks)
}

fn sites(root: &Path, files: impl Iterator<Item = PathBuf>, server: &str, names: fn(&str) -> Vec<String>) -> Vec<App> {
    let of_file = |file: PathBuf| {
        let names = text(&file).map(|text| names(&text)).unwrap_or_default();
        let path = shown(root, &file);
        names.into_iter().map(move |name| (name, path.clone()))
    };
    files
        .take(MOST)
        .flat_map(of_file)
        .filter(|(name, _)| is_domain(name))
        .take(MOST)
        .map(|(name, path)| App {
            name,
            source: AppSource::Domain,
            path: Some(path),
            detail: Some(server.to_owned()),
            ..App::default()
        })
        .collect()
}

/// Not everybody's, not this machine's, no number, no pattern.
fn is_domain(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
    let of_nobody = matches!(name, "" | "_" | "localhost" | "*");
    !of_nobody
        && name.len() <= 253
        && name.parse::<IpAddr>().is_err()
        && name.chars().all(fits)
        && name.contains(char::is_alphabetic)
}

/// The names of every `server_name ...;`.
fn server_names(text: &str) -> Vec<String> {
    let bare: String =
        text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let mut names = Vec::new();
    for statement in bare.split([';', '{', '}']) {
        let mut words = statement.split_ascii_whitespace();
        if words.next() == Some("server_name") {
            names.extend(words.map(|word| word.trim_matches(['"', '\'']).to_owned()));
        }
    }
    names
}

/// The addresses in front of every block that begins a line.
fn site_blocks(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    for line in text.lines() {
        let bare = line.split(" #").next().unwrap_or_default().trim_end();
        let at_start = depth == 0 && !bare.starts_with([' ', '\t', '#', '(', '{', '}']);
        if at_start && let Some(addresses) = bare.strip_suffix('{') {
            names.extend(addresses.split([',', ' ']).filter(|word| !word.is_empty()).map(host));
        }
        // Placeholders such as {host} open and close within the line.
        depth = (depth + bare.matches('{').count()).saturating_sub(bare.matches('}').count());
    }
    names
}

/// Without scheme, port and path.
fn host(address: &str) -> String {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let address = address.split('/').next().unwrap_or_default();
    match address.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host.to_owned(),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_servers_are_read_and_those_of_nobody_left_out() {
        let text = "server { listen 80; server_name example.org www.example.org; # server_name no.example;\n location / { proxy_pass http://x; } }\n\
            server { server_name _; } server { server_name localhost 192.0.2.1 \"a.b\"\n *.wild.example ~^(x)$ ; }";
        let names: Vec<_> = server_names(text).into_iter().filter(|name| is_domain(name)).collect();
        assert_eq!(names, ["example.org", "www.example.org", "a.b", "*.wild.example"]);
    }

    #[test]
    fn blocks_of_caddy_are_read_at_the_start_of_a_line() {
        let text = "{\n\temail a@b.c\n}\n(snippet) {\n}\nexample.org, www.example.org:8443 {\n\troot * /srv\n\thandle /api {\n\t}\n}\nhttps://shop.example/x {\n\
            \theader X {host}\n}\n# old.example {\n:80 {\n}\nlocalhost {\n}\nreverse_proxy x";
        let names: Vec<_> = site_blocks(text).into_iter().filter(|name| is_domain(name)).collect();
        assert_eq!(names, ["example.org", "www.example.org", "shop.example"]);
    }

    #[test]
    fn files_are_found_where_distributions_put_them() {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("etc/nginx/sites-enabled/a", "server_name a.example;"),
            ("etc/nginx/conf.d/b.conf", "server_name b.example;"),
            ("etc/nginx/conf.d/c.conf.bak", "server_name c.example;"),
            ("etc/nginx/nginx.conf", "server_name d.example;"),
            ("etc/caddy/Caddyfile", "e.example {\n}\n"),
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let names = |apps: Vec<App>| apps.into_iter().map(|app| app.name).collect::<Vec<_>>();
        assert_eq!(names(nginx(root.path())), ["a.example", "b.example", "d.example"]);
        assert_eq!(names(caddy(root.path())), ["e.example"]);
    }
}
