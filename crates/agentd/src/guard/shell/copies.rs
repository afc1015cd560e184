//! Programs that copy, move and link files: what they read, and where it lands.

use super::{
    call::Call,
    files::{checks_mode, take_apart},
    options::Parsed,
    state::{Flow, State},
    value::{Bit, Value},
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[("cp mv ginstall install", copy), ("ln link", ln), ("rsync", rsync)];

/// How the last name is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// As a folder.
    Folder,
    /// As the name itself, also where a folder has it: what is copied merges into that.
    Itself,
    /// As a folder where there is one.
    Either,
}

/// Where a copy lands: in the folder where there is one, else at the name itself.
fn destinations(judge: &Judge<'_>, target: &Value, sources: &[Value], how: Target, state: &State) -> Vec<Value> {
    let is_folder = how == Target::Folder
        || target.ends_with('/')
        || sources.len() > 1
        || sources.iter().any(|source| source.many || source.is_glob())
        || is_dir(judge, target, state);
    if how == Target::Itself || !is_folder {
        return vec![target.clone()];
    }
    sources.iter().map(|source| inside(target, source)).collect()
}

fn is_dir(judge: &Judge<'_>, value: &Value, state: &State) -> bool {
    let patterns = judge.patterns(value, state).unwrap_or_default();
    patterns.iter().any(|pattern| pattern.path().is_some_and(|path| path.is_dir()))
}

/// The folder's path with the last name of another path.
fn inside(folder: &Value, source: &Value) -> Value {
    let mut path = folder.clone();
    path.push_text("/");
    let mut name = Value::default();
    for bit in &source.bits {
        match bit {
            Bit::Text(text) => match text.trim_end_matches('/').rsplit_once('/') {
                Some((_, last)) => {
                    name = Value::text(last);
                }
                None => name.push_text(text.trim_end_matches('/')),
            },
            Bit::Below | Bit::Listed(_) | Bit::Any => name = Value::of(Bit::Name),
            bit => name.push(bit.clone()),
        }
    }
    if matches!(name.known(), Some("" | "." | "..")) {
        // All that is in the source lands in the folder itself.
        path.push_text(".");
    } else {
        path.extend(&name);
    }
    path
}

const COPY: &str = "m:r,R,recursive m:a,archive m:d m:t,target-directory= m:T,no-target-directory m:S,suffix= -:b -:backup=? -:preserve=? -:p -:reflink=? -:sparse= \
    -:no-preserve= -:f,force -:i,interactive -:n,no-clobber -:u -:update=? -:v,verbose -:l,link m:s,symbolic-link -:Z -:context=? -:strip-trailing-slashes \
    m:parents -:H -:L,dereference m:P,no-dereference -:x,one-file-system -:attributes-only -:copy-contents -:remove-destination -:debug m:keep-directory-symlink \
    -:no-copy m:exchange";
const INSTALL: &str = "m:d,directory m:t,target-directory= m:T,no-target-directory m:m,mode= -:o,owner= -:g,group= m:S,suffix= -:b -:backup=? a:strip-program= a:s,strip -:p \
    -:preserve-timestamps -:D -:C,compare -:c -:v,verbose -:Z -:context=? -:debug";
const LINK: &str = "m:s,symbolic -:f,force -:n,no-dereference -:r,relative m:t,target-directory= m:T,no-target-directory m:S,suffix= -:b -:backup=? -:i,interactive \
    -:v,verbose -:L,logical -:P,physical -:d,directory -:F";

/// Which name is the last can only be told where every option is known.
fn checks_unknown(judge: &mut Judge<'_>, parsed: &Parsed, call: &Call<'_>) {
    if let Some(unknown) = parsed.unknown.first() {
        judge.ask("unknown_argument", format!("{} has an option that is not known: {unknown}", call.name));
    }
    if let Some(unclear) = parsed.unclear.as_ref().filter(|unclear| unclear.is_open()) {
        judge.ask("unknown_target", format!("what {} names can't be said before it runs", unclear.show()));
    }
}

/// What was there before is kept under a name with this end.
fn keeps_old(judge: &mut Judge<'_>, parsed: &Parsed, destination: &Value, state: &State) {
    if let Some(end) = parsed.value("S") {
        let mut kept = destination.clone();
        kept.extend(end);
        judge.writes(&kept, state);
    }
}

/// cp, mv and install: what is read, what is removed, what is written.
fn copy(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let installs = call.name.ends_with("install");
    let moves = call.name == "mv";
    let parsed = take_apart(judge, &call, if installs { INSTALL } else { COPY });
    let state = &call.state;
    checks_unknown(judge, &parsed, &call);
    if let Some(mode) = parsed.value("m") {
        checks_mode(judge, mode);
    }
    if parsed.has("d") && installs {
        parsed.operands.iter().for_each(|folder| judge.writes(folder, state));
        return Flow::plain(call.state);
    }
    let deep = moves || (!installs && (parsed.has("r") || parsed.has("a")));
    let (target, sources) = match (parsed.value("t"), parsed.operands.split_last()) {
        (Some(target), _) => (target.clone(), parsed.operands.as_slice()),
        (None, Some((target, sources))) => (target.clone(), sources),
        (None, None) => return Flow::plain(call.state),
    };
    let how = match (parsed.has("T"), parsed.has("t")) {
        (true, _) => Target::Itself,
        (false, true) => Target::Folder,
        (false, false) => Target::Either,
    };
    for source in sources {
        match (moves, deep) {
            (true, _) => judge.removes(source, state),
            (false, true) => judge.reads_below(source, state),
            (false, false) => judge.reads(source, state),
        }
        if deep || parsed.has("d") || parsed.has("P") {
            judge.carries_links(source, state);
        }
        if !installs && parsed.has("s") {
            links_to(judge, source, &target, state);
        }
    }
    if target.many && target.known().is_none() {
        judge.ask("unknown_target", format!("what {} names can't be said before it runs", target.show()));
    }
    // Whole paths are made anew below the folder.
    if parsed.has("parents") {
        judge.writes_below(&target, state);
    }
    for destination in destinations(judge, &target, sources, how, state) {
        match (moves && (how == Target::Itself || parsed.has("exchange")), deep) {
            (true, _) => judge.removes(&destination, state),
            (false, true) => judge.writes_below(&destination, state),
            (false, false) => judge.writes(&destination, state),
        }
        // They put another file in the place of the old one, whatever that was.
        if moves || installs {
            judge.alters(&destination, state);
        }
        keeps_old(judge, &parsed, &destination, state);
    }
    Flow::plain(call.state)
}

/// A link is another name: it must not be one for something guarded, or for a folder that holds something guarded.
fn links_to(judge: &mut Judge<'_>, source: &Value, target: &Value, state: &State) {
    // A symbolic link's text is seen from the link's folder.
    let from_link = if source.prefix().starts_with('/') {
        source.clone()
    } else {
        let mut path = Value::default();
        for bit in &target.bits {
            path.push(bit.clone());
        }
        path.push_text("/../");
        path.extend(source);
        path
    };
    // What it is made from is seen from its folder, not from what an earlier link of its name leads to.
    judge.replaces_link(target, state);
    for place in [source, &from_link] {
        judge.reads_below(place, state);
        judge.writes_below(place, state);
    }
    judge.makes_link(target, state);
}

fn ln(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = take_apart(judge, &call, LINK);
    let state = &call.state;
    checks_unknown(judge, &parsed, &call);
    let here = Value::text(".");
    let (target, sources, folder) = match (parsed.value("t"), parsed.operands.as_slice()) {
        (Some(target), sources) => (target, sources, true),
        (None, [only]) => (&here, std::slice::from_ref(only), true),
        (None, [sources @ .., target]) => (target, sources, false),
        (None, []) => return Flow::plain(call.state),
    };
    let how = match (parsed.has("T"), folder) {
        (true, _) => Target::Itself,
        (false, true) => Target::Folder,
        (false, false) => Target::Either,
    };
    for destination in destinations(judge, target, sources, how, state) {
        judge.writes(&destination, state);
        keeps_old(judge, &parsed, &destination, state);
        // Without -n a link lands inside the folder that another link leads to.
        for source in sources {
            links_to(judge, source, &destination, state);
        }
    }
    Flow::plain(call.state)
}

const RSYNC: &str = "a:e,rsh= a:rsync-path= a:daemon a:config= a:M,remote-option= a:delete a:del a:delete-before a:delete-after a:delete-during a:delete-delay a:delete-excluded \
    a:delete-missing-args a:remove-source-files w:log-file= b:backup-dir= b:T,temp-dir= b:partial-dir= w:write-batch= w:only-write-batch= r:read-batch= \
    r:files-from= r:exclude-from= r:include-from= r:password-file= r:compare-dest= r:copy-dest= r:link-dest= a:early-input= a:copy-as= a:fake-super a:super \
    -:f,filter= -:exclude= -:include= -:B,block-size= -:bwlimit= -:timeout= -:port= m:chmod= -:chown= -:info= -:debug= -:max-size= -:min-size= -:modify-window= m:suffix= \
    -:usermap= -:groupmap= -:out-format= -:log-file-format= -:max-delete= -:max-alloc= -:contimeout= -:address= -:sockopts= -:iconv= -:checksum-choice= -:cc= \
    -:checksum-seed= -:compress-choice= -:zc= -:compress-level= -:zl= -:skip-compress= -:protocol= -:outbuf= -:stop-after= -:stop-at= -:time-limit= -:stderr= \
    -:a,archive -:r,recursive m:R,relative -:no-relative -:no-R -:v,verbose -:z,compress -:n,dry-run -:P -:h,human-readable -:u,update -:l,links -:p,perms -:t,times -:g,group \
    -:o,owner -:D -:devices -:specials -:H,hard-links -:A,acls -:X,xattrs -:S,sparse -:x,one-file-system -:c,checksum -:i,itemize-changes -:q,quiet -:progress -:stats \
    -:partial -:4,ipv4 -:6,ipv6 -:L,copy-links -:k,copy-dirlinks m:K,keep-dirlinks -:E,executability -:O,omit-dir-times -:J -:W,whole-file -:y,fuzzy -:m,prune-empty-dirs \
    -:b,backup -:C,cvs-exclude -:d,dirs -:s,protect-args,secluded-args -:0,from0 -:I,ignore-times -:size-only -:existing -:ignore-existing -:inplace -:append \
    -:append-verify -:delay-updates -:numeric-ids -:safe-links -:copy-unsafe-links -:munge-links -:list-only -:ignore-errors -:force -:mkpath -:preallocate -:fsync \
    -:blocking-io -:no-motd -:8,8-bit-output -:no-perms -:no-owner -:no-group -:no-times -:no-recursive -:no-dirs -:no-links -:no-implied-dirs -:no-whole-file -:no-o -:no-g \
    -:no-p -:no-t -:no-D -:no-inc-recursive -:trust-sender -:N,crtimes -:U,atimes -:open-noatime -:old-args -:F -:version -:help";

fn rsync(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = take_apart(judge, &call, RSYNC);
    let state = &call.state;
    checks_unknown(judge, &parsed, &call);
    let remote = |value: &Value| value.prefix().split('/').next().is_some_and(|head| head.contains(':'));
    if call.arguments.iter().any(remote)
        || call.arguments.iter().any(|argument| argument.prefix().starts_with("rsync://"))
    {
        judge.ask("remote_shell", "rsync reaches another machine");
    }
    for mode in parsed.values("chmod") {
        match mode.known() {
            // On folders these rights only say whose the files in them are.
            Some(text) => text
                .split(',')
                .filter(|part| !part.starts_with('D'))
                .for_each(|part| checks_mode(judge, &Value::text(part.trim_start_matches('F')))),
            None => checks_mode(judge, mode),
        }
    }
    let Some((target, sources)) = parsed.operands.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        parsed.operands.iter().for_each(|source| judge.reads_below(source, state));
        return Flow::plain(call.state);
    };
    // Whole paths are made anew below the folder.
    let whole = parsed.has("R") || parsed.has("files-from");
    for source in sources {
        judge.reads_below(source, state);
        judge.carries_links(source, state);
        let merged = whole || source.ends_with('/') || source.many;
        let place = if merged { target.clone() } else { inside(target, source) };
        judge.writes_below(&place, state);
        if let Some(end) = parsed.value("suffix") {
            for mut kept in [place, target.clone()] {
                kept.extend(end);
                judge.writes_below(&kept, state);
            }
        }
    }
    Flow::plain(call.state)
}
