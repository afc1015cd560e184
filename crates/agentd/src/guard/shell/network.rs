//! Programs that fetch, send and look at the network.

use super::{
    call::Call,
    options::{self, Style},
    state::Flow,
    value::{Bit, Value},
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[
    ("curl", curl),
    ("wget wget2", wget),
    ("scp", scp),
    ("ip", ip),
    ("ifconfig iwconfig route arp ethtool", interface),
    ("nc netcat", netcat),
    ("openssl", openssl),
];

const CURL: &str = "w:o,output= b:output-dir= w:D,dump-header= w:c,cookie-jar= w:trace= w:trace-ascii= w:stderr= w:libcurl= w:hsts= w:alt-svc= w:etag-save= w:ssl-sessions= \
    r:etag-compare= a:K,config= m:T,upload-file= m:F,form= -:form-string= m:d,data= m:data-ascii= m:data-binary= m:data-urlencode= -:data-raw= m:json= m:H,header= \
    m:proxy-header= m:w,write-out= m:b,cookie= m:url= m:variable= m:unix-socket= m:abstract-unix-socket= m:O,remote-name m:remote-name-all m:J,remote-header-name \
    r:E,cert= r:key= r:cacert= -:capath= r:crlfile= r:proxy-cert= r:proxy-key= r:pubkey= r:netrc-file= r:n,netrc r:random-file= a:engine= a:egd-file= a:Q,quote= \
    a:preproxy= a:doh-url= a:keepalive-time= -:X,request= -:u,user= -:U,proxy-user= -:x,proxy= -:A,user-agent= -:e,referer= -:m,max-time= -:connect-timeout= -:retry= \
    -:retry-delay= -:retry-max-time= -:r,range= -:C,continue-at= -:z,time-cond= -:limit-rate= -:max-filesize= -:max-redirs= -:resolve= -:connect-to= -:interface= \
    -:local-port= -:proto= -:proto-redir= -:proto-default= -:noproxy= -:socks5= -:socks4= -:socks4a= -:socks5-hostname= -:oauth2-bearer= -:aws-sigv4= -:ciphers= \
    -:tls13-ciphers= -:tls-max= -:cert-type= -:key-type= -:pass= -:pinnedpubkey= -:dns-servers= -:dns-interface= -:Y,speed-limit= -:y,speed-time= -:happy-eyeballs-timeout-ms= \
    -:expect100-timeout= -:rate= -:parallel-max= -:request-target= -:service-name= -:t,telnet-option= -:P,ftp-port= -:ftp-account= -:mail-from= -:mail-rcpt= -:login-options= \
    -:create-file-mode= -:h,help= -:curves= m:url-query=";

/// Text that names a file after `@`.
fn file_in(value: &Value, anywhere: bool) -> Option<Value> {
    if value.prefix().starts_with('@') || value.prefix().starts_with('<') {
        return Some(value.after(1));
    }
    if !anywhere {
        return None;
    }
    // `name@file`, `name=@file;type=...`, `name=<file`.
    let (name, rest) = value.split_once('@').or_else(|| value.split_once('<'))?;
    let named = name.known().is_none_or(|name| name.is_empty() || name.ends_with('=') || !name.contains('='));
    let file = rest.split_once(';').map_or(rest, |(file, _)| file);
    named.then_some(file)
}

fn curl(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = options::parse(call.arguments, CURL, Style::default());
    judge.parsed_options(&parsed, CURL, &call);
    let state = &call.state;
    for name in parsed.unknown.iter().filter(|name| name.starts_with("expand-") || name.starts_with("variable")) {
        judge.ask("unknown_argument", format!("what curl --{name} names can't be said"));
    }
    for given in &parsed.given {
        let Some(value) = &given.value else { continue };
        let anywhere = match given.name {
            "F" if value
                .bits
                .iter()
                .any(|bit| matches!(bit, Bit::Text(text) if text.contains("headers=") || text.contains(","))) =>
            {
                judge.ask("unknown_source", "which files curl sends can't be said before it runs");
                continue;
            }
            "d" | "data-ascii" | "data-binary" | "json" | "H" | "proxy-header" => false,
            "F" | "data-urlencode" | "url-query" | "variable" => true,
            "T" => {
                judge.reads(value, state);
                continue;
            }
            "w" => {
                if value.known().is_none_or(|format| format.contains("%output") || format.starts_with('@')) {
                    judge.ask("unknown_target", "which file curl writes can't be said before it runs");
                }
                continue;
            }
            // A cookie has a `=`; without one it is a file.
            "b" => {
                if value.split_once('=').is_none() {
                    judge.reads(value, state);
                }
                continue;
            }
            "unix-socket" => {
                judge.socket(value, &call);
                continue;
            }
            "abstract-unix-socket" => {
                judge.ask("system_bus", "curl speaks to a socket of another program");
                continue;
            }
            _ => continue,
        };
        match file_in(value, anywhere) {
            Some(file) => judge.reads(&file, state),
            None if matches!(value.bits.first(), Some(Bit::Any | Bit::Listed(_))) && given.name != "H" => {
                judge.ask("unknown_source", "what curl sends may be any file");
            }
            None => {}
        }
    }
    if parsed.value("o").is_some_and(|file| file.known().is_some_and(|name| name.contains('#'))) {
        judge.ask("unknown_target", "which file curl writes can't be said before it runs");
    }
    let urls: Vec<&Value> = parsed.operands.iter().chain(parsed.values("url")).collect();
    for url in &urls {
        judge.url(url, parsed.has("T"), &call);
        if parsed.has("O") || parsed.has("remote-name-all") {
            let here = Value::text(".");
            let folder = parsed.value("output-dir").unwrap_or(&here);
            let mut file = folder.clone();
            file.push_text("/");
            match url
                .known()
                .filter(|_| !parsed.has("J"))
                .and_then(|url| url.split(['?', '#']).next())
                .and_then(|url| url.rsplit('/').next())
            {
                Some(name) => file.push_text(name),
                None => file.push(Bit::Name),
            }
            judge.writes(&file, state);
        }
    }
    Flow::plain(call.state)
}

impl Judge<'_> {
    /// A URL may be a file on this very machine.
    fn url(&mut self, url: &Value, sends: bool, call: &Call<'_>) {
        let text = url.prefix();
        let lower = text.to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("file:") {
            let path = rest.trim_start_matches("//");
            let path = path.strip_prefix("localhost").unwrap_or(path);
            let skipped = text.len() - path.len();
            let file = url.after(skipped);
            if file.known().is_none_or(|path| path.contains(['%', '{', '['])) {
                self.ask("unknown_source", "which file is fetched can't be said before it runs");
            }
            if sends { self.writes(&file, &call.state) } else { self.reads(&file, &call.state) }
        } else if text.starts_with(['{', '[']) || matches!(url.bits.first(), Some(Bit::Any)) {
            self.ask("unknown_source", format!("what {} fetches can't be said before it runs", call.name));
        }
    }

    /// A socket of osmoda's or of the system gives more than a network does.
    pub(super) fn socket(&mut self, socket: &Value, call: &Call<'_>) {
        match self.patterns(socket, &call.state) {
            None => {
                self.ask(
                    "unknown_target",
                    format!("which socket {} speaks to can't be said before it runs", call.name),
                );
            }
            Some(patterns) => {
                for pattern in patterns {
                    if self.scene.paths.is_own_socket(&pattern) {
                        self.ask("osmoda_itself", format!("{} speaks to osmoda itself", call.name));
                    } else if ["/run", "/var/run", "/tmp/.X11-unix"]
                        .iter()
                        .any(|folder| pattern.show().starts_with(folder))
                    {
                        self.ask("system_bus", format!("{} speaks to {}", call.name, pattern.show()));
                    }
                }
            }
        }
    }
}

fn wget(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "w:O,output-document= w:o,output-file= w:a,append-output= b:P,directory-prefix= r:post-file= r:body-file= r:i,input-file= a:e,execute= a:use-askpass= \
        a:config= r:load-cookies= w:save-cookies= w:warc-file= w:rejected-log= r:certificate= r:private-key= r:ca-certificate= w:hsts-file= m:r,recursive m:m,mirror m:p,page-requisites \
        -:t,tries= -:T,timeout= -:U,user-agent= -:header= -:user= -:password= -:post-data= -:body-data= -:method= -:w,wait= -:Q,quota= -:limit-rate= -:B,base= -:A,accept= \
        -:R,reject= -:D,domains= -:I,include-directories= -:X,exclude-directories= -:l,level= -:cut-dirs= -:referer= -:max-redirect= -:dns-timeout= -:connect-timeout= \
        -:read-timeout= -:bind-address= -:progress= -:show-progress -:spider m:S,server-response -:default-page= m:content-disposition m:trust-server-names w:warc-tempdir= a:metalink-file= a:input-metalink= -:n=";
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    let state = &call.state;
    for url in &parsed.operands {
        judge.url(url, false, &call);
    }
    let many = ["r", "m", "p", "content-disposition", "trust-server-names"].iter().any(|name| parsed.has(name));
    if !parsed.has("O") {
        let here = Value::text(".");
        let folder = parsed.value("P").unwrap_or(&here);
        if many {
            judge.writes_below(folder, state);
        } else {
            let mut file = folder.clone();
            file.push_text("/");
            file.push(Bit::Plain);
            judge.writes(&file, state);
        }
    }
    Flow::plain(call.state)
}

fn scp(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    judge.ask("remote_shell", "scp moves files elsewhere");
    Flow::plain(call.state)
}

/// `ip` shows unless its verb changes something.
fn ip(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = options::parse(
        call.arguments,
        "a:b,batch= a:n,netns= a:a,all a:force -:f,family= -:c,color=? -:4 -:6 -:s,statistics -:d,details -:j,json -:p,pretty -:o,oneline -:br,brief -:h -:r",
        Style { leading: true, single_dash: true },
    );
    judge.parsed_options(&parsed, "a:", &call);
    let words: Vec<&str> = parsed.operands.iter().map(|word| word.known().unwrap_or("\u{0}")).collect();
    // `ip link s` sets, where `ip addr s` and `ip route s` show.
    let shows = |object: &str, verb: &str| match verb {
        "s" => object.starts_with(['a', 'r']) && !object.starts_with("ru"),
        "" => false,
        verb => ["show", "list", "lst", "get", "help"].iter().any(|full| full.starts_with(verb)),
    };
    let ordinary = match words.as_slice() {
        [] => true,
        [object, ..] if ["netns", "vrf"].iter().any(|odd| odd.starts_with(object)) => {
            matches!(words.get(1), None | Some(&"list" | &"show" | &"identify" | &"pids"))
        }
        ["monitor" | "mon", ..] => words.get(1).is_none_or(|next| *next != "file"),
        [_] => true,
        [object, verb, ..] => shows(object, verb) || *verb == "dev",
    };
    if !ordinary || words.contains(&"\u{0}") && words.iter().take(2).any(|word| *word == "\u{0}") {
        judge.ask("network_change", "ip changes the network");
    }
    Flow::plain(call.state)
}

/// The old programs show with a name or with nothing.
fn interface(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let showing = [
        "-a", "-s", "-v", "-n", "-e", "-4", "-6", "-A", "inet", "inet6", "-i", "-S", "-k", "-g", "-c", "-l", "-T",
        "-d", "-m",
    ];
    let mut names = 0;
    for argument in call.arguments {
        match argument.known() {
            Some(text)
                if showing.contains(&text)
                    && !(call.name == "arp" && matches!(text, "-s" | "-d"))
                    && !(call.name == "ethtool" && text == "-s") => {}
            Some(text)
                if !text.starts_with('-')
                    && matches!(call.name, "ifconfig" | "iwconfig" | "ethtool" | "arp")
                    && names == 0 =>
            {
                names += 1;
            }
            _ => {
                judge.ask("network_change", format!("{} changes the network", call.name));
                break;
            }
        }
    }
    Flow::plain(call.state)
}

fn netcat(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "a:e,exec= a:c,sh-exec= m:U,unixsock -:l -:k -:p= -:s= -:w= -:q= -:i= -:z -:v -:n -:u -:t -:4 -:6 -:x= -:X= -:N -:r -:d -:h -:o= -:C";
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    if parsed.has("U") {
        parsed.operands.iter().for_each(|socket| judge.socket(socket, &call));
    }
    if !parsed.unknown.is_empty() {
        judge.ask("unknown_argument", "nc has an option that is not known");
    }
    Flow::plain(call.state)
}

fn openssl(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let verbs = ["version", "rand", "ciphers", "list", "prime", "s_client", "errstr", "help"];
    let flags = [
        "-hex",
        "-base64",
        "-a",
        "-v",
        "-connect",
        "-servername",
        "-showcerts",
        "-brief",
        "-tls1_2",
        "-tls1_3",
        "-alpn",
        "-status",
        "-quiet",
        "-cipher-algorithms",
    ];
    let ordinary = call.arguments.first().and_then(Value::known).is_some_and(|verb| verbs.contains(&verb))
        && call
            .arguments
            .iter()
            .skip(1)
            .all(|argument| argument.known().is_some_and(|text| !text.starts_with('-') || flags.contains(&text)));
    if !ordinary {
        judge.ask("unknown_argument", "openssl can read and write more than can be judged");
    }
    Flow::plain(call.state)
}
