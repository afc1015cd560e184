//! Programs that make up the names of the files that they write: a beginning or an end is all that they are given.

use super::{
    call::Call,
    files::take_apart,
    state::{Flow, State},
    value::{Bit, Stream, Value},
    walk::Judge,
};

type Own = fn(&mut Judge<'_>, Call<'_>) -> Flow;

pub(super) const OWN: &[(&str, Own)] = &[
    ("split", split),
    ("csplit", csplit),
    (
        "gzip gunzip bzip2 bunzip2 xz unxz lzma unlzma zstd unzstd lz4 unlz4 compress uncompress pigz unpigz pbzip2 lzip",
        pack,
    ),
];

/// Asks where a file may not be written whose name begins so, whatever follows.
fn writes_beginning(judge: &mut Judge<'_>, beginning: &Value, end: Option<&Value>, state: &State) {
    let mut name = beginning.clone();
    name.push(Bit::Plain);
    name.extend(end.unwrap_or(&Value::default()));
    judge.writes(&name, state);
}

fn split(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = take_apart(
        judge,
        &call,
        "a:filter= -:a,suffix-length= -:b,bytes= -:C,line-bytes= -:l,lines= -:n,number= m:additional-suffix= -:t,separator= -:d -:x -:numeric-suffixes=? \
         -:hex-suffixes=? -:e,elide-empty-files -:u,unbuffered -:verbose",
    );
    let state = &call.state;
    if !parsed.unknown.is_empty() || parsed.operands.iter().any(|operand| operand.many) {
        judge.ask("unknown_target", "which files split writes can't be said before it runs");
    }
    parsed.operands.iter().take(1).for_each(|file| judge.reads(file, state));
    let own = Value::text("x");
    let beginning = parsed.operands.get(1).unwrap_or(&own);
    writes_beginning(judge, beginning, parsed.value("additional-suffix"), state);
    Flow::plain(call.state)
}

fn csplit(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let parsed = take_apart(
        judge,
        &call,
        "m:f,prefix= m:b,suffix-format= -:n,digits= -:k,keep-files -:s,q,quiet,silent -:z,elide-empty-files -:suppress-matched",
    );
    let state = &call.state;
    parsed.operands.iter().take(1).for_each(|file| judge.reads(file, state));
    let own = Value::text("xx");
    let format = parsed.value("b").map_or(Some(""), Value::known);
    // What a format writes: its letters around a number.
    let ends: Option<Vec<&str>> = format.filter(|format| !format.contains('/')).map(|it| it.split('%').collect());
    if !parsed.unknown.is_empty() || ends.is_none() {
        judge.ask("unknown_target", "which files csplit writes can't be said before it runs");
    }
    let mut beginning = parsed.value("f").unwrap_or(&own).clone();
    beginning.push_text(ends.as_ref().and_then(|ends| ends.first()).copied().unwrap_or_default());
    writes_beginning(judge, &beginning, None, state);
    Flow::plain(call.state)
}

/// Ends of packed files that go when they are unpacked.
const ENDS: &[&str] = &[".gz", ".bz2", ".xz", ".lzma", ".zst", ".lz4", ".lz", ".Z", ".z", "-gz", "-z", "_z", ".bz"];
/// Ends that become another.
const TARS: &[&str] = &[".tgz", ".taz", ".tbz", ".tbz2", ".txz", ".tlz", ".tzst"];

/// gzip and its like: a file is put in place of another, under a name with an end more or less.
fn pack(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    // The letters mean different things to them; none is said to take what stands after it unless all that have it do.
    let description = match call.name {
        "zstd" | "unzstd" => {
            "m:c,stdout -:t,test -:l,list m:r w:o= b:output-dir-flat= b:output-dir-mirror= r:D= r:patch-from= a:filelist= w:trace= -:d,decompress,uncompress -:k,keep -:f,force \
             -:rm -:q,quiet -:v,verbose -:T=? -:M=? -:threads= -:memory= -:1 -:2 -:3 -:4 -:5 -:6 -:7 -:8 -:9 -:0 -:ultra -:long=? -:fast=? -:adapt=? -:z,compress -:C,check -:no-check \
             -:no-progress -:sparse -:no-sparse -:rsyncable -:exclude-compressed -:single-thread -:format= -:e=? -:b=? -:i=? -:S"
        }
        "xz" | "unxz" | "lzma" | "unlzma" => {
            "m:c,stdout,to-stdout -:t,test -:l,list m:S,suffix= a:files=? a:files0=? -:T,threads= -:M,memlimit,memory= -:F,format= -:C,check= -:d,decompress,uncompress -:k,keep \
             -:f,force -:z,compress -:q,quiet -:v,verbose -:0 -:1 -:2 -:3 -:4 -:5 -:6 -:7 -:8 -:9 -:e,extreme -:Q,no-warn -:robot -:no-sparse -:single-stream -:ignore-check \
             -:block-size= -:block-list= -:memlimit-compress= -:memlimit-decompress= -:memlimit-mt-decompress= -:lzma1=? -:lzma2=? -:x86=? -:delta=?"
        }
        _ => {
            "m:c,stdout,to-stdout -:t,test -:l,list m:S,suffix= m:N,name m:r,recursive m:R -:d,decompress,uncompress -:k,keep -:f,force -:n,no-name -:q,quiet -:v,verbose -:z \
             -:0 -:1 -:2 -:3 -:4 -:5 -:6 -:7 -:8 -:9 -:best -:fast -:rsyncable -:s,small -:L -:m,multiple -:p=? -:b=? -:B=? -:T=? -:synchronous -:processes= -:11 -:i -:K,zip"
        }
    };
    let parsed = take_apart(judge, &call, description);
    let state = &call.state;
    if parsed.unknown.iter().any(|name| !matches!(name.as_str(), "V" | "h" | "version" | "help")) {
        judge.ask("unknown_argument", format!("{} has an option that is not known", call.name));
    }
    for file in &parsed.operands {
        if parsed.has("c") || parsed.has("t") || parsed.has("l") {
            judge.reads(file, state);
            continue;
        }
        if parsed.has("r") {
            judge.writes_below(file, state);
        }
        judge.writes(file, state);
        for name in unpacked(file, parsed.value("S")) {
            judge.writes(&name, state);
        }
        if parsed.has("N") {
            // The name stands in the file.
            let mut beside = Value::text("./");
            if let Some(text) = file.known() {
                beside = Value::text(text.rfind('/').map_or("./", |at| &text[..=at]));
            }
            judge.writes_below(&beside, state);
        }
    }
    Flow::plain(call.state)
}

/// What a file may be called with its end added or taken away.
fn unpacked(file: &Value, end: Option<&Value>) -> Vec<Value> {
    let mut names = Vec::new();
    if let Some(end) = end {
        let mut longer = file.clone();
        longer.extend(end);
        names.push(longer);
    }
    let Some(Bit::Text(last)) = file.bits.last() else { return names };
    let own = end.and_then(Value::known);
    for (cut, instead) in
        ENDS.iter().copied().chain(own).map(|cut| (cut, "")).chain(TARS.iter().map(|cut| (*cut, ".tar")))
    {
        if let Some(rest) = last.strip_suffix(cut).filter(|_| !cut.is_empty()) {
            let mut name = Value { bits: file.bits[..file.bits.len() - 1].to_vec(), many: file.many };
            name.push_text(&format!("{rest}{instead}"));
            names.push(name);
        }
    }
    names
}

impl Judge<'_> {
    /// Names that a program reads from its standard input, as one argument.
    pub(super) fn names_given(&mut self, state: &State) -> Value {
        match &state.stdin {
            Stream::Listing(seen) => Value::of(Bit::Listed(*seen)),
            Stream::Plain => Value::of(Bit::Plain),
            stream => self.names_in(&stream.clone(), state),
        }
    }
}
