//! Names of variables and of the shell's own commands that mean something to the judgement.

use super::walk::Judge;

/// What the shell and the programs in the table take from their surroundings to run, load or replace something.
const VARIABLES: &[&str] = &[
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "HOME",
    "CDPATH",
    "SHELL",
    "SHELLOPTS",
    "BASHOPTS",
    "PROMPT_COMMAND",
    "PS0",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "EXECIGNORE",
    "GLOBIGNORE",
    "FIGNORE",
    "FPATH",
    "ZDOTDIR",
    "FUNCNEST",
    "TMOUT",
    "OPTARG",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "LESS",
    "LESSOPEN",
    "LESSCLOSE",
    "LESSKEY",
    "MORE",
    "GZIP",
    "BZIP",
    "BZIP2",
    "XZ_OPT",
    "XZ_DEFAULTS",
    "ZIPOPT",
    "UNZIP",
    "TAPE",
    "SUDO_EDITOR",
    "SUDO_ASKPASS",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "CURL_HOME",
    "WGETRC",
    "TERMINFO",
    "TERMCAP",
    "NLSPATH",
    "LOCPATH",
    "LOCALDOMAIN",
    "HOSTALIASES",
    "RES_OPTIONS",
    "IFS_",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "RUBYOPT",
    "RUBYLIB",
    "MAKEFLAGS",
    "MAKEFILES",
    "TAR_OPTIONS",
    "TMPDIR",
    "TMPPREFIX",
    "POSIXLY_CORRECT",
    "SYSTEMD_PAGER",
    "SYSTEMD_EDITOR",
    "SYSTEMD_LESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "DBUS_SESSION_BUS_ADDRESS",
    "KUBECONFIG",
    "DOCKER_HOST",
    "CONTAINER_HOST",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "RIPGREP_CONFIG_PATH",
    "BAT_PAGER",
    "BAT_CONFIG_PATH",
    "FZF_DEFAULT_COMMAND",
    "LS_OPTIONS",
    "JQ_LIBRARY_PATH",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_HOME",
    "XDG_DATA_DIRS",
    "XDG_RUNTIME_DIR",
    "INPUTRC",
    "USER",
    "LOGNAME",
    "BASH_LOADABLES_PATH",
    "BASH_COMPAT",
    "BASH_XTRACEFD",
    "BASH_CMDS",
    "BASH_ALIASES",
    "BASH_FUNC",
    "LINES_",
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
];
/// The same, by what they begin with.
const PREFIXES: &[&str] = &[
    "LD_",
    "DYLD_",
    "GIT_",
    "PYTHON",
    "PERL",
    "RSYNC_",
    "GREP_",
    "HIST",
    "OSMODA_",
    "NIX_",
    "GCONV_",
    "MALLOC_",
    "GLIBC_",
    "LIBRARY_",
    "CARGO_",
    "RUSTC",
    "NPM_",
    "npm_",
    "AWK",
    "GAWK",
    "BASH_FUNC_",
    "SUDO_",
    "SSH_",
    "SYSTEMD_",
    "GNUPG",
    "VIM",
    "EX",
    "LUA_",
    "PHP_",
    "GEM_",
    "GO",
];

const SPECIAL: &[&str] = &[
    "break", ":", "continue", ".", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times",
    "trap", "unset", "source", "command", "builtin",
];

/// Commands that a shell looks for before functions; a function of such a name may never be called.
pub(super) fn is_special_builtin(name: &str) -> bool {
    SPECIAL.contains(&name)
}

/// Whether setting it can change what other commands do.
pub(super) fn is_dangerous(name: &str) -> bool {
    let name = name.trim_end_matches('+');
    VARIABLES.contains(&name) || (PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !HARMLESS.contains(&name))
}

/// Names that only begin like a dangerous one.
const HARMLESS: &[&str] = &[
    "GO",
    "EX",
    "EXIT",
    "EXIT_CODE",
    "EXTRA",
    "EXPECTED",
    "EXT",
    "EXE",
    "GOOD",
    "GOAL",
    "EXCLUDE",
    "EXAMPLE",
    "EXISTS",
    "EXISTING",
    "EXTENSION",
];

impl Judge<'_> {
    /// Asks where a variable is set that other commands listen to.
    pub(super) fn checks_name(&mut self, name: &str) {
        if is_dangerous(name) {
            self.ask("environment", format!("{name} changes what other commands do"));
        }
    }
}
