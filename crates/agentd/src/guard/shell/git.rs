//! git: plain work is ordinary; what lets it run or fetch other things asks.

use super::{
    call::Call,
    options::{self, Style},
    output,
    state::Flow,
    value::{Bit, Value},
    walk::Judge,
};

/// They look.
const LOOKS: &str = "status log diff show ls-files ls-tree rev-parse rev-list describe blame annotate shortlog cat-file name-rev for-each-ref show-ref \
    whatchanged count-objects cherry merge-base check-ignore check-attr check-ref-format version help grep diff-tree diff-index diff-files var show-branch \
    ls-remote reflog range-diff stripspace column fsck verify-commit verify-tag whatchanged";
/// They change the work tree or the repository.
const CHANGES: &str = "add commit clone fetch pull push merge rebase checkout switch restore reset stash rm mv cherry-pick revert init worktree tag branch apply am \
    clean notes gc prune sparse-checkout remote format-patch archive symbolic-ref update-ref write-tree commit-tree hash-object pack-refs repack";

/// Settings that only change how things look, or who signs them.
const SETTINGS: &str = "user.name user.email color.ui color.diff color.status core.quotepath core.abbrev init.defaultbranch pull.rebase push.default log.date diff.renames \
    advice.detachedhead core.autocrlf commit.gpgsign safe.directory fetch.prune gc.auto protocol.version";

/// Options of every verb that reach beyond the repository, and those that take a value.
macro_rules! with_common {
    ($own:literal) => {
        concat!(
            "a:upload-pack= a:receive-pack= a:exec= a:ext-diff a:textconv a:filters a:open-files-in-pager=? a:config= a:reference= a:reference-if-able= \
             a:separate-git-dir= a:unsafe-paths a:no-index a:remote= a:pathspec-from-file= a:stdin-paths a:gpg-sign=? a:template= a:strategy= r:contents= \
             r:ignore-revs-file= r:exclude-from= w:output= b:output-directory= -:message= -:author= -:date= -:grep= -:since= -:until= -:after= -:before= -:depth= \
             -:branch= -:max-count= -:format= -:pretty=? -:sort= -:points-at= -:contains= -:merged=? -:jobs= -:origin= -:onto= -:trailer= -:cleanup= -:fixup= -:squash= \
             -:directory= -:prefix= -:word-diff=? -:stat=? -:color=? -:recurse-submodules=? -:abbrev=? -:diff-filter= -:inter-hunk-context= ",
            $own
        )
    };
}

fn description(verb: &str) -> &'static str {
    match verb {
        "commit" => with_common!("-:m= r:F,file= r:t= -:C= -:c= a:S=? -:u=?"),
        "tag" | "notes" | "merge" | "stash" => with_common!("-:m= r:F,file= -:u= -:s= -:X= -:n=? -:l"),
        "clone" => with_common!("a:c= a:u= -:b= -:o= -:j="),
        "rebase" => with_common!("a:x= a:s= -:X= -:C="),
        "grep" => with_common!("a:O=? -:e= r:f= -:m= -:A= -:B= -:C="),
        "archive" => with_common!("w:o= r:add-file="),
        "format-patch" => with_common!("b:o= -:v="),
        "init" => with_common!("-:b="),
        "apply" | "am" => with_common!("-:p= -:C="),
        "log" | "diff" | "show" | "shortlog" | "reflog" | "blame" | "annotate" => {
            with_common!("-:n= -:S= -:G= -:L= -:U=? r:O= -:M=? -:C=? -:l=")
        }
        "ls-files" => with_common!("r:X= -:x="),
        "checkout" | "switch" => with_common!("-:b= -:B= -:c= -:C="),
        "branch" => with_common!("-:u="),
        "push" | "fetch" | "pull" => with_common!("-:o= -:j= -:s= -:X="),
        _ => with_common!(""),
    }
}

pub(super) fn git(judge: &mut Judge<'_>, call: Call<'_>) -> Flow {
    let global = "m:c= m:C= a:exec-path=? a:git-dir= a:work-tree= a:namespace= a:super-prefix= a:config-env= -:p,paginate -:P,no-pager -:bare -:no-replace-objects \
        -:literal-pathspecs -:no-optional-locks -:list-cmds= -:attr-source= m:version m:help m:html-path m:man-path m:info-path";
    let parsed = options::parse(call.arguments, global, Style { leading: true, single_dash: false });
    judge.parsed_options(&parsed, global, &call);
    let mut call = call;
    for setting in parsed.values("c") {
        let harmless = setting
            .split_once('=')
            .and_then(|(key, _)| key.known().map(str::to_ascii_lowercase))
            .is_some_and(|key| SETTINGS.split_ascii_whitespace().any(|own| own == key));
        if !harmless {
            judge.ask("git_config", format!("git -c {} can make it run other programs", setting.show()));
        }
    }
    for folder in parsed.values("C") {
        let patterns = judge.patterns(folder, &call.state).unwrap_or_default();
        call.state.cwd = patterns;
    }
    if !parsed.unknown.is_empty() || parsed.unclear.is_some() {
        judge.ask("unknown_argument", "git has an option that is not known");
    }
    let Some((verb, rest)) = parsed.operands.split_first() else { return Flow::plain(call.state) };
    let Some(verb) = verb.known().filter(|_| !verb.many).map(str::to_owned) else {
        judge.ask("unknown_command", "what git does can't be said before it runs");
        return Flow::plain(call.state);
    };
    let is = |list: &str| list.split_ascii_whitespace().any(|own| own == verb);
    if is(LOOKS) || is(CHANGES) {
        judge.git_options(&verb, rest, &call);
        if is(CHANGES) {
            judge.git_writes(&verb, rest, &call);
        }
    } else if verb == "config" {
        judge.git_config(rest);
    } else if verb == "submodule" && matches!(rest.first().and_then(Value::known), None | Some("status" | "summary")) {
        // It only shows.
    } else {
        judge.ask("git_config", format!("git {verb} may be an alias, or run other programs"));
    }
    let out = output::of(judge, &call);
    Flow::both(call.state, out)
}

impl Judge<'_> {
    fn git_options(&mut self, verb: &str, rest: &[Value], call: &Call<'_>) {
        let description = description(verb);
        let parsed = options::parse(rest, description, Style::default());
        let here = Call { name: "git", arguments: rest, state: call.state.clone() };
        self.parsed_options(&parsed, description, &here);
        let searches = verb == "grep" && !parsed.has("e") && !parsed.has("f");
        for operand in parsed.operands.iter().skip(usize::from(searches)) {
            self.git_operand(verb, operand, call);
        }
        if verb == "add" && parsed.operands.is_empty() {
            self.reads_below(&Value::text("."), &call.state);
        }
    }

    fn git_operand(&mut self, verb: &str, word: &Value, call: &Call<'_>) {
        let remote = matches!(verb, "clone" | "fetch" | "pull" | "push" | "ls-remote" | "remote");
        let text = word.prefix();
        if remote && (text.contains("::") || text.starts_with("fd:")) {
            self.ask("git_config", "git reaches a repository through another program");
        }
        if remote && matches!(word.bits.first(), Some(Bit::Any)) {
            self.ask("unknown_argument", format!("{} may be any repository for git", word.show()));
        }
        let takes_in = matches!(verb, "add" | "hash-object");
        if !remote && (takes_in || self.patterns(word, &call.state).is_some()) {
            if takes_in { self.reads_below(word, &call.state) } else { self.reads(word, &call.state) }
        }
    }

    fn git_writes(&mut self, verb: &str, rest: &[Value], call: &Call<'_>) {
        let state = &call.state;
        let operands: Vec<&Value> = rest.iter().filter(|word| !word.may_be_option()).collect();
        match verb {
            "clone" | "init" | "worktree" => {
                let target = match (verb, operands.as_slice()) {
                    ("clone", [url]) => {
                        let name = url.known().map(|url| {
                            url.trim_end_matches('/')
                                .trim_end_matches(".git")
                                .rsplit(['/', ':'])
                                .next()
                                .unwrap_or("repository")
                                .to_owned()
                        });
                        Value::text(name.unwrap_or_else(|| "repository".into()))
                    }
                    (_, [.., folder]) => (*folder).clone(),
                    _ => Value::text("."),
                };
                self.writes(&target, state);
            }
            "remote" => {
                if !matches!(rest.first().and_then(Value::known), None | Some("-v" | "show" | "get-url" | "--verbose"))
                {
                    self.ask("git_config", "git remote changes where code comes from");
                }
            }
            "stash" | "tag" | "branch" | "notes"
                if rest.is_empty()
                    || matches!(
                        rest.first().and_then(Value::known),
                        Some("list" | "show" | "-l" | "--list" | "-a" | "-r" | "-v" | "-vv")
                    ) => {}
            "rebase" | "am" | "cherry-pick" | "merge" | "revert"
                if rest.first().and_then(Value::known) == Some("--abort") => {}
            "clean" | "checkout" | "reset" | "restore" | "switch" | "pull" | "merge" | "rebase" | "apply" | "am"
            | "cherry-pick" | "revert" | "stash" | "rm" | "mv" => {
                self.writes_below(&Value::text("."), state);
            }
            _ => self.writes(&Value::text("."), state),
        }
    }

    fn git_config(&mut self, rest: &[Value]) {
        let words: Vec<&str> = rest.iter().map(|word| word.known().unwrap_or("\u{0}")).collect();
        let reads = words
            .iter()
            .any(|word| matches!(*word, "--get" | "--get-all" | "--get-regexp" | "--list" | "-l" | "get" | "list"));
        let changes = words.iter().any(|word| {
            [
                "--add",
                "--unset",
                "--unset-all",
                "--replace-all",
                "--edit",
                "-e",
                "--rename-section",
                "--remove-section",
                "-f",
                "--file",
                "--blob",
                "set",
                "unset",
                "edit",
            ]
            .contains(word)
                || word.starts_with("--file=")
        });
        let operands: Vec<&&str> = words.iter().filter(|word| !word.starts_with('-')).collect();
        let plain = match operands.as_slice() {
            [_] => true,
            [key, _] => SETTINGS.split_ascii_whitespace().any(|own| own == key.to_ascii_lowercase()),
            _ => false,
        };
        if changes || !(reads || plain) || words.contains(&"\u{0}") && !plain {
            self.ask("git_config", "a setting of git can make it run other programs");
        }
    }
}
