//! What harmless programs say, where it matters to what reads it.

use super::{
    call::Call,
    find,
    options::{self, Style},
    value::{Bit, Seen, Stream, Value},
    walk::Judge,
};

/// They pass lines on as they are, or leave some out.
const FILTERS: &[&str] = &["sort", "uniq", "head", "tail", "tac", "shuf", "cat", "grep", "egrep", "fgrep", "tee"];
/// One plain word, whatever they are asked.
const WORDS: &[&str] =
    &["nproc", "arch", "whoami", "hostname", "uuidgen", "uname", "logname", "seq", "id", "pgrep", "pidof"];

/// What a program that was judged writes to standard output.
pub(super) fn of(judge: &mut Judge<'_>, call: &Call<'_>) -> Stream {
    let arguments = call.arguments;
    match call.name {
        "true" | "false" | ":" | "test" | "[" | "sleep" | "touch" | "mkdir" | "rmdir" => Stream::Text(String::new()),
        "echo" => echo(arguments),
        "printf" => printf(arguments),
        "pwd" => match call.state.cwd.as_slice() {
            [cwd] => cwd.path().map_or(Stream::Unknown, |path| Stream::Text(path.to_string_lossy().into_owned())),
            _ => Stream::Unknown,
        },
        "date" => date(arguments),
        "wc" if arguments
            .iter()
            .all(|argument| argument.known().is_some_and(|text| text.starts_with('-') && !text.starts_with("--"))) =>
        {
            Stream::Plain
        }
        "mktemp" if arguments.iter().all(|argument| matches!(argument.known(), Some("-d" | "-q" | "-u"))) => {
            Stream::Text("/tmp/tmp.0123456789".into())
        }
        "basename" | "dirname" => part(call.name, arguments),
        "ls" => listing(judge, call),
        "id" if !arguments.iter().any(|argument| matches!(argument.known(), Some("-u" | "-g" | "-un" | "-gn"))) => {
            Stream::Unknown
        }
        "uname"
            if arguments.len() > 1
                || arguments
                    .first()
                    .is_some_and(|argument| argument.known().is_none_or(|text| text.len() != 2 || text == "-a")) =>
        {
            Stream::Unknown
        }
        "seq" if !arguments.iter().all(number) => Stream::Unknown,
        "git" => git(arguments),
        name if WORDS.contains(&name) => Stream::Plain,
        name if FILTERS.contains(&name) => filtered(name, call),
        _ => Stream::Unknown,
    }
}

fn number(argument: &Value) -> bool {
    argument.bits == [Bit::Plain]
        || argument.known().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn echo(arguments: &[Value]) -> Stream {
    let (newline, words) = match arguments.split_first() {
        Some((first, rest)) if first.known() == Some("-n") => ("", rest),
        _ => ("\n", arguments),
    };
    let known: Option<Vec<&str>> = words.iter().map(|word| word.known().filter(|_| !word.many)).collect();
    match known {
        // A backslash means something in some shells and nothing in others.
        Some(words)
            if !words.iter().any(|word| word.contains('\\'))
                && !words.first().is_some_and(|word| word.starts_with('-')) =>
        {
            Stream::Text(words.join(" ") + newline)
        }
        _ => Stream::Unknown,
    }
}

fn printf(arguments: &[Value]) -> Stream {
    let known: Option<Vec<&str>> = arguments.iter().map(|word| word.known().filter(|_| !word.many)).collect();
    match known.as_deref() {
        Some([format]) if !format.contains(['%', '\\']) => Stream::Text((*format).to_owned()),
        Some([format]) if !format.contains('%') && !format.replace("\\n", "").contains('\\') => {
            Stream::Text(format.replace("\\n", "\n"))
        }
        Some(["%s" | "%s\\n", text]) => Stream::Text(format!("{text}\n")),
        _ => Stream::Unknown,
    }
}

/// A format that makes no slash makes a plain word.
fn date(arguments: &[Value]) -> Stream {
    let plain = |argument: &Value| match argument.known() {
        Some(text) => match text.strip_prefix('+') {
            Some(format) => {
                let letters = format
                    .split('%')
                    .skip(1)
                    .all(|part| part.starts_with(|c: char| "YmdHMSFTsNjuwVGyBbaAIRZzeklp".contains(c) || c == '-'));
                letters
                    && !format.is_empty()
                    && format.chars().all(|c| c.is_ascii_alphanumeric() || "%_:.-".contains(c))
                    && !format.starts_with(['-', '.'])
            }
            None => text == "-u" || text == "--utc",
        },
        None => false,
    };
    if arguments.iter().all(plain) && arguments.iter().any(|argument| argument.prefix().starts_with('+')) {
        Stream::Plain
    } else {
        Stream::Unknown
    }
}

fn part(name: &str, arguments: &[Value]) -> Stream {
    let known: Option<Vec<&str>> =
        arguments.iter().map(|word| word.known().filter(|word| !word.starts_with('-'))).collect();
    let path = |text: &str| std::path::PathBuf::from(text);
    match (name, known.as_deref()) {
        ("basename", Some([file])) => {
            path(file).file_name().map_or(Stream::Unknown, |name| Stream::Text(name.to_string_lossy().into_owned()))
        }
        ("basename", Some([file, end])) => match path(file).file_name() {
            Some(name) => {
                Stream::Text(name.to_string_lossy().strip_suffix(end).unwrap_or(&name.to_string_lossy()).to_owned())
            }
            None => Stream::Unknown,
        },
        ("dirname", Some([file])) if file.contains('/') && !file.ends_with('/') => {
            path(file).parent().map_or(Stream::Unknown, |parent| Stream::Text(parent.to_string_lossy().into_owned()))
        }
        _ => Stream::Unknown,
    }
}

fn listing(judge: &mut Judge<'_>, call: &Call<'_>) -> Stream {
    let parsed =
        options::parse(call.arguments, "-:I,ignore= -:w,width= -:T,tabsize= m:R,recursive m:l", Style::default());
    let here = [Value::text(".")];
    let folders = if parsed.operands.is_empty() { &here[..] } else { &parsed.operands };
    find::listed(judge, folders, &call.state, false)
}

fn git(arguments: &[Value]) -> Stream {
    match arguments.iter().map(Value::known).collect::<Option<Vec<_>>>().as_deref() {
        Some(["ls-files", rest @ ..] | ["diff", "--name-only", rest @ ..])
            if rest.iter().all(|word| !word.starts_with('-') && !word.contains("..")) =>
        {
            Stream::Listing(Seen::Here)
        }
        _ => Stream::Unknown,
    }
}

fn filtered(name: &str, call: &Call<'_>) -> Stream {
    let spec = "-:n,lines= -:c,bytes= m:o,only-matching m:e,regexp= m:f,file= -:m= -:A= -:B= -:C= -:k= -:t= m:r,R,recursive m:l,files-with-matches m:output,O";
    let parsed = options::parse(call.arguments, spec, Style::default());
    let patterns = usize::from(name.ends_with("grep") && !parsed.has("e") && !parsed.has("f"));
    let passes = !parsed.has("o")
        && !parsed.has("f")
        && parsed.unclear.is_none()
        && (parsed.operands.len() <= patterns || name == "tee");
    match &call.state.stdin {
        _ if name == "cat" && call.arguments.len() == 1 && parsed.operands.len() == 1 => {
            match call.state.cwd.as_slice() {
                [cwd] => parsed.operands[0]
                    .pattern(cwd)
                    .and_then(|pattern| pattern.path())
                    .map_or(Stream::Unknown, Stream::File),
                _ => Stream::Unknown,
            }
        }
        Stream::Listing(seen) if passes => Stream::Listing(*seen),
        Stream::Plain if passes => Stream::Plain,
        stream if passes && name == "cat" && call.arguments.is_empty() => stream.clone(),
        stream if name == "tee" => stream.clone(),
        _ => Stream::Unknown,
    }
}
