//! Archives: what goes in is read, what comes out is written.

use super::{
    call::Call,
    options::{self, Parsed, Style},
    state::Flow,
    value::Value,
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[
    ("tar bsdtar gtar", tar),
    ("zip", zip),
    ("unzip", unzip),
    ("zipinfo", |judge, call| {
        call.arguments
            .iter()
            .filter(|argument| !argument.may_be_option())
            .for_each(|file| judge.reads(file, &call.state));
        Flow::plain(call.state)
    }),
    ("cpio pax ar shar unrar rar 7z 7za 7zr p7zip unar lha arj cabextract dpkg-deb rpm2cpio", |judge, call| {
        judge.ask("unknown_target", format!("what {} writes can't be said before it runs", call.name));
        Flow::plain(call.state)
    }),
];

const TAR: &str = "m:c,create m:x,extract,get m:t,list m:r,append m:u,update m:A,catenate,concatenate m:d,diff,compare m:delete m:f,file= m:C,directory= \
    a:I,use-compress-program= a:checkpoint-action= -:checkpoint=? a:to-command= a:F,info-script,new-volume-script= a:rsh-command= a:rmt-command= a:P,absolute-names \
    a:remove-files a:T,files-from= r:X,exclude-from= w:g,listed-incremental= w:index-file= w:volno-file= -:exclude= -:b,blocking-factor= -:H,format= -:L,tape-length= \
    -:N,newer,after-date= -:K,starting-file= -:V,label= -:mode= -:mtime= -:owner= -:group= -:transform,xform= -:strip-components= -:sort= -:suffix= -:warning= \
    -:record-size= -:backup=? a:keep-directory-symlink a:unlink-first a:U a:recursive-unlink a:overwrite-dir a:same-owner m:O,to-stdout -:z,gzip -:j,bzip2 -:J,xz -:Z -:a \
    -:zstd -:v,verbose -:p,preserve-permissions -:k,keep-old-files -:h -:l -:m -:n -:o -:s -:w,interactive -:W,verify -:S,sparse -:i -:G -:M -:B -:R -:wildcards -:anchored \
    -:no-recursion -:no-same-owner -:no-same-permissions -:one-file-system -:numeric-owner -:acls -:xattrs -:selinux -:totals=? -:utc -:full-time -:quoting-style= \
    -:exclude-vcs -:exclude-backups -:exclude-caches -:ignore-failed-read -:skip-old-files -:show-transformed-names -:force-local -:overwrite -:pax-option=";

fn tar(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    // The old style: `tar xzf file`.
    let mut arguments = call.arguments.to_vec();
    if let Some(first) = arguments.first_mut()
        && first.known().is_some_and(|text| !text.is_empty() && !text.starts_with('-'))
    {
        let letters = first.known().unwrap_or_default().to_owned();
        arguments = old_style(&letters, &arguments);
    }
    let call = Call { arguments: &arguments, ..call };
    let parsed = options::parse(call.arguments, TAR, Style::default());
    judge.parsed_options(&parsed, TAR, &call);
    for unknown in &parsed.unknown {
        judge.ask("unknown_argument", format!("tar has an option that is not known: {unknown}"));
    }
    let state = &call.state;
    let archive = parsed.value("f").cloned().unwrap_or_else(|| Value::text("-"));
    if archive.known().is_none_or(|name| name.contains(':')) && archive.prefix().contains(':') {
        judge.ask("remote_shell", "tar reaches another machine");
    }
    let takes_out = parsed.has("x");
    let puts_in = parsed.has("c") || parsed.has("r") || parsed.has("u") || parsed.has("A") || parsed.has("delete");
    if archive.known() != Some("-") {
        if puts_in { judge.writes(&archive, state) } else { judge.reads(&archive, state) }
    }
    let folders: Vec<Value> = parsed.values("C").cloned().collect();
    if takes_out && !parsed.has("O") {
        extracts(judge, &parsed, &folders, &call);
    }
    if puts_in {
        for file in &parsed.operands {
            judge.reads_below(file, state);
            for folder in &folders {
                let mut inside = folder.clone();
                inside.push_text("/");
                inside.extend(file);
                judge.reads_below(if file.prefix().starts_with('/') { file } else { &inside }, state);
            }
        }
    }
    Flow::plain(call.state)
}

fn extracts(judge: &mut Judge<'_>, parsed: &Parsed, folders: &[Value], call: &Call<'_>) {
    if parsed.values("transform").count() > 0 {
        judge.ask("unknown_target", "where tar puts its files can't be said before it runs");
    }
    if folders.is_empty() {
        judge.writes_below(&Value::text("."), &call.state);
    }
    // Each is seen from the one before it.
    let mut at = Value::default();
    for folder in folders {
        if folder.prefix().starts_with('/') || at.bits.is_empty() {
            at = folder.clone();
        } else {
            at.push_text("/");
            at.extend(folder);
        }
        judge.writes_below(&at, &call.state);
    }
}

/// `xzf` takes the values of its letters from the words after it, in order.
fn old_style(letters: &str, arguments: &[Value]) -> Vec<Value> {
    let mut rest = arguments.iter().skip(1);
    let mut out = Vec::new();
    for letter in letters.chars() {
        out.push(Value::text(format!("-{letter}")));
        if "fCTXgbHLNKVIF".contains(letter) {
            out.extend(rest.next().cloned());
        }
    }
    out.extend(rest.cloned());
    out
}

fn zip(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let description = "a:T,test a:TT,unzip-command= a:m,move -:r,recurse-paths -:x,exclude= -:i,include= w:O,output-file= b:b,temp-path= -:P,password= -:n,suffixes= -:s,split-size= \
        -:t= -:tt= w:lf,logfile-path= -:q -:9 -:0 -:1 -:2 -:3 -:4 -:5 -:6 -:7 -:8 -:j -:u -:f -:d -:e -:y -:v -:D -:X m:@,names-stdin";
    let parsed = options::parse(call.arguments, description, Style::default());
    judge.parsed_options(&parsed, description, &call);
    if let Some((archive, files)) = parsed.operands.split_first() {
        judge.writes(archive, &call.state);
        files.iter().for_each(|file| judge.reads_below(file, &call.state));
    }
    if parsed.has("@") {
        let given = judge.names_given(&call.state);
        judge.reads(&given, &call.state);
    }
    Flow::plain(call.state)
}

fn unzip(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = options::parse(
        call.arguments,
        "m:d= -:x -:P= m:l m:t m:p m:c m:z m:Z m:v -:o -:n -:q -:j -:u -:f -:a -:b -:C -:L -:X -:K",
        Style::default(),
    );
    if let Some(unclear) = &parsed.unclear {
        judge.unclear(unclear, call.name, &call.state);
    }
    if let Some(archive) = parsed.operands.first() {
        judge.reads(archive, &call.state);
    }
    if !["l", "t", "p", "c", "z", "Z"].iter().any(|name| parsed.has(name)) {
        let here = Value::text(".");
        judge.writes_below(parsed.value("d").unwrap_or(&here), &call.state);
    }
    Flow::plain(call.state)
}
