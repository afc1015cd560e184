//! The built-in rules, as data: `*` is any letters of a name, `~/` every home, `**/` any folder. A rule holds for what
//! is below its path too.

/// Paths that share a code and a word for people.
pub(crate) struct Group {
    /// The reason's code.
    pub(crate) code: &'static str,
    /// What they are.
    pub(crate) what: &'static str,
    /// Which, blanks between them.
    pub(crate) paths: &'static str,
}

const fn group(code: &'static str, what: &'static str, paths: &'static str) -> Group {
    Group { code, what, paths }
}

/// Not to be written, changed or removed without leave.
pub(crate) const WRITING: &[Group] = &[
    group(
        "history",
        "the record of what was done",
        "/var/log/journal /run/log /var/log/audit /var/log/wtmp* /var/log/btmp* /var/log/lastlog \
         /var/log/faillog /var/log/auth.log* /var/log/secure* /var/log/syslog* /var/log/messages* \
         /var/log/kern.log* /var/log/sudo* /run/utmp /var/run/utmp /var/log/lastlog2 ~/.bash_history \
         ~/.*_history ~/.histfile ~/.lesshst ~/.viminfo",
    ),
    group(
        "guarded_path",
        "the machine's accounts",
        "/etc/shadow* /etc/gshadow* /etc/passwd* /etc/group* /etc/subuid* /etc/subgid* /etc/login.defs \
         /etc/adduser.conf /etc/deluser.conf /etc/nslcd.conf /etc/ldap* /etc/libnss* /etc/shells /etc/nsswitch.conf /etc/security /etc/.pwd.lock",
    ),
    group(
        "guarded_path",
        "who may act as root",
        "/etc/sudoers* /etc/sudo.conf /etc/doas.conf /etc/pam.d /etc/pam.conf /etc/polkit-1 /var/lib/polkit-1 \
         /usr/share/polkit-1 /etc/dbus-1 /usr/share/dbus-1 /var/lib/sudo /run/sudo /etc/capability.conf \
         /etc/selinux /etc/apparmor* /etc/audit",
    ),
    group(
        "guarded_path",
        "the keys and rules of SSH",
        "/etc/ssh /etc/dropbear **/.ssh ~/.rhosts ~/.shosts ~/.k5login ~/.k5users /etc/hosts.equiv /etc/shosts.equiv",
    ),
    group(
        "firewall",
        "the firewall",
        "/etc/nftables* /etc/iptables* /etc/ufw /etc/firewalld /etc/shorewall* /etc/fail2ban /etc/ferm /etc/arptables* \
         /etc/ebtables* /etc/hosts.allow /etc/hosts.deny /var/lib/iptables /var/lib/nftables /lib/ufw /usr/lib/firewalld",
    ),
    group(
        "guarded_path",
        "how the machine finds and trusts others",
        "/etc/hosts /etc/resolv.conf /etc/resolvconf /etc/netplan /etc/networkd-dispatcher /etc/ssl /etc/pki \
         /etc/ca-certificates* /usr/local/share/ca-certificates /usr/share/ca-certificates /etc/machine-id /etc/chrony* \
         /etc/ntp* /etc/cloud /var/lib/cloud",
    ),
    group(
        "guarded_path",
        "what the machine starts from",
        "/boot /efi /etc/grub* /etc/default /etc/kernel /etc/initramfs-tools /etc/dracut* /etc/mkinitcpio* \
         /etc/fstab /etc/crypttab /etc/modprobe.d /etc/modules* /etc/sysctl* /etc/udev /etc/inittab \
         /etc/init* /etc/rc* /etc/sysconfig /etc/exports",
    ),
    group(
        "guarded_path",
        "the machine's services",
        "/etc/systemd /usr/lib/systemd /lib/systemd /usr/local/lib/systemd /run/systemd /var/lib/systemd \
         ~/.config/systemd ~/.local/share/systemd /etc/tmpfiles.d /etc/sysusers.d /etc/binfmt.d /etc/xinetd* \
         /etc/inetd* /etc/supervisor /var/run/docker.sock /run/docker.sock /run/containerd /etc/rsyslog* /etc/syslog* /etc/docker ~/.docker/cli-plugins \
         /var/lib/docker /var/lib/containerd /run/dbus /run/udev /run/wrappers",
    ),
    group(
        "guarded_path",
        "what runs by the clock or by an event",
        "/etc/cron* /etc/anacrontab /etc/at.* /var/spool/cron /var/spool/at /var/spool/atjobs /etc/logrotate* \
         /etc/update-motd.d /etc/acpi /etc/dhcp /etc/network /etc/NetworkManager /etc/ppp /etc/dhcpcd* \
         /etc/xdg /etc/X11 ~/.config/autostart \
         ~/.local/share/dbus-1 ~/.local/share/applications /usr/local/share/dbus-1",
    ),
    group(
        "guarded_path",
        "how programs are loaded and shells are started",
        "/etc/ld.so* /etc/profile* /etc/environment* /etc/bash* /etc/zsh* /etc/zprofile /etc/zlogin /etc/csh* \
         /etc/fish /etc/skel /etc/inputrc /etc/alternatives /etc/gitconfig ~/.bashrc* ~/.bash_* ~/.profile \
         ~/.zshrc ~/.zshenv ~/.zprofile ~/.zlogin ~/.zlogout ~/.kshrc ~/.cshrc ~/.tcshrc ~/.login ~/.logout \
         ~/.inputrc ~/.pam_environment ~/.config/environment.d ~/.config/fish ~/.xprofile ~/.xinitrc \
         ~/.xsession* ~/.vimrc ~/.vim ~/.config/nvim ~/.exrc ~/.gdbinit ~/.gitconfig ~/.config/git ~/.curlrc \
         ~/.config/curlrc ~/.wgetrc ~/.netrc ~/.npmrc ~/.cargo/config* ~/.pip ~/.config/pip ~/.lesskey \
         ~/.less ~/.rpmmacros ~/.forward ~/.procmailrc ~/.tmux.conf ~/.config/tmux ~/.screenrc ~/.nanorc ~/.config/nano \
         ~/.emacs* ~/.config/emacs ~/.mailcap ~/.mailrc ~/.pythonrc* ~/.local/lib ~/.psqlrc ~/.sqliterc ~/.config/bat \
         ~/.config/mc ~/.config/gh ~/.claude* ~/.irbrc ~/.Rprofile ~/.lldbinit ~/.zlogin ~/.zsh* ~/.oh-my-zsh \
         ~/.config/zsh ~/.cargo/env ~/.rustup ~/.nvm ~/.pyenv ~/.rbenv ~/.wget2rc ~/.jq /etc/vim /etc/wgetrc /etc/screenrc \
         /etc/tmux.conf /etc/nanorc /etc/emacs /etc/python* /etc/perl /etc/nodejs /etc/curlrc /etc/manpath.config /etc/libnl*",
    ),
    group(
        "guarded_path",
        "what git runs by itself",
        "**/.git/hooks **/.git/config* **/.git/info/attributes **/.git/modules **/.git/worktrees **/.gitmodules",
    ),
    group(
        "guarded_path",
        "the machine's programs",
        "/bin /sbin /lib* /usr /nix /etc/nixos /etc/nix /run/current-system /run/booted-system /etc/profiles /opt/bin \
         /snap /etc/apt /etc/dpkg /etc/yum* /etc/dnf /etc/pacman* /etc/apk /var/lib/dpkg /var/lib/apt \
         /var/lib/rpm /var/lib/pacman /var/lib/nixos /var/lib/snapd ~/bin ~/.local/bin ~/.cargo/bin ~/go/bin \
         ~/.nix-profile ~/.nix-defexpr ~/.config/nix ~/.config/nixpkgs ~/.local/state/nix ~/.npm-global",
    ),
    group("block_device", "a device", "/dev"),
    group("kernel_interface", "the kernel's own controls", "/proc /sys"),
];

/// Not to be read without leave; nor to be written.
pub(crate) const READING: &[Group] = &[
    group(
        "secret_read",
        "the accounts' passwords",
        "/etc/shadow* /etc/gshadow* /etc/security/opasswd* /var/backups/*shadow* /etc/master.passwd",
    ),
    group(
        "secret_read",
        "private keys",
        "/etc/ssh/ssh_host_* **/.ssh/* /etc/dropbear/* /etc/ssl/private /etc/pki/tls/private \
         /etc/letsencrypt/archive /etc/letsencrypt/live /etc/letsencrypt/keys /etc/letsencrypt/accounts \
         /etc/wireguard /etc/openvpn /etc/ipsec* /etc/swanctl /etc/NetworkManager/system-connections \
         /etc/krb5.keytab /etc/luks* **/.gnupg /etc/secureboot /var/lib/sbctl /usr/share/secureboot \
         /etc/nix/*.sec /etc/nix/*key*",
    ),
    group(
        "secret_read",
        "credentials",
        "**/.aws/credentials **/.aws/sso **/.netrc **/.pgpass **/.my.cnf **/.docker/config.json \
         **/.kube/config **/.config/gh/hosts.yml **/.git-credentials **/.pypirc **/.cargo/credentials* \
         **/.config/gcloud **/.azure **/.password-store **/.config/sops **/.local/share/keyrings \
         **/.vault-token **/.claude/.credentials.json ~/.npmrc /run/secrets* /run/credentials /run/agenix* \
         /run/keys /etc/credstore* /run/credstore* /etc/rancher /etc/kubernetes /var/lib/private \
         /etc/ppp/*secrets /etc/sasldb2 /etc/sssd",
    ),
    group(
        "secret_read",
        "the memory and surroundings of a process",
        "/proc/*/environ /proc/*/mem /proc/*/root /proc/*/cwd /proc/*/fd /proc/*/fdinfo /proc/*/map_files \
         /proc/*/stack /proc/*/syscall /proc/*/pagemap /proc/*/auxv /proc/*/task /proc/kcore /proc/kpage* \
         /proc/vmcore /proc/kmsg /proc/keys /sys/kernel/debug /sys/kernel/tracing /var/lib/systemd/coredump \
         /sys/firmware/efi/efivars",
    ),
    group("block_device", "a device", "/dev"),
];

/// Names in a folder of SSH keys that are no secret.
pub(crate) const SSH_OPEN: &[&str] =
    &["config", "known_hosts", "known_hosts.old", "authorized_keys", "authorized_keys2", "environment"];

/// Devices that anybody may write and read.
pub(crate) const DEVICES: &[&str] = &["null", "zero", "full", "tty", "stdin", "stdout", "stderr", "ptmx"];
/// Devices that anybody may read.
pub(crate) const READABLE_DEVICES: &[&str] = &["random", "urandom"];
/// Folders of devices that anybody may write and read. /dev/shm is no device at all.
pub(crate) const DEVICE_FOLDERS: &[&str] = &["fd", "pts", "shm"];

/// Folders of the system itself: not to be removed, emptied or changed as a whole.
pub(crate) const KEPT: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/efi",
    "/etc",
    "/home",
    "/lib*",
    "/media",
    "/mnt",
    "/nix",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/var",
    "/home/*",
    "/media/*",
    "/mnt/*",
    "/usr/*",
    "/var/*",
    "/var/lib/*",
    "/run/user",
];
/// Folders of which everything may go, because it is anybody's.
pub(crate) const SCRATCH: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];
