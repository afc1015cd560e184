//! The programs that are known, as data. What is not here asks.

use std::collections::HashMap;

use super::{
    archive, awk,
    call::Kind,
    copies, files, find, git, network, pieces, processes, scripts, sed, system, texts,
    tool::{Operands, Tool, Verbs},
    verbs, wrappers,
};

/// Ordinary whatever their arguments: they look and say, or compute.
const PLAIN: &str = "
    true false : echo printf test [ [[ ]] pwd sleep usleep seq cal ncal uname id whoami groups who w users last lastlog uptime free pgrep pidof
    pstree vmstat iostat mpstat  lscpu lsblk lsmem lspci lsusb lsmod lsns lslocks lsipc lslogins lsfd nproc arch tty locale getconf basename
    dirname realpath readlink which whereis type df stat ls dir vdir yes factor expr numfmt tput clear printenv  findmnt
    mountpoint namei pathchk ping ping4 ping6 tracepath traceroute traceroute6 host nslookup whois getfacl getfattr lsattr getcap
    hostid logname runlevel systemd-detect-virt systemd-path systemd-escape systemd-cgls systemd-cgtop systemd-id128 modinfo acpi 
    numastat       lsb_release tr uuidgen mcookie ascii tzselect zdump
       pinky errno apropos whatis infocmp lsinitramfs getopt 
     gettext ngettext envsubst  showmount arping ts
";

const fn tool(options: &'static str, operands: Operands) -> Tool {
    Tool { options, operands }
}

/// Programs that are judged by their options and operands.
const TOOLS: &[(&str, Tool)] = &[
    // No option is said to take a value that might take none: what stands after it would go unseen.
    (
        "cat tac rev hd cksum sum crc32 md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum b3sum xxhsum comm colrm uuencode zcat gzcat bzcat \
      xzcat lzcat zstdcat lz4cat lzmore zmore bzmore pdfinfo cksfv tailf look tsort bc",
        tool("", Operands::Read),
    ),
    (
        "wc du",
        tool("r:files0-from= r:X,exclude-from= -:d,max-depth= -:exclude= -:t,threshold= -:time-style=", Operands::Read),
    ),
    ("head tail", tool("-:n,lines= -:c,bytes= -:s,sleep-interval= -:pid= -:max-unchanged-stats=", Operands::Read)),
    ("cut", tool("-:d,delimiter= -:f,fields= -:c,characters= -:b,bytes= -:output-delimiter=", Operands::Read)),
    ("paste", tool("-:d,delimiters=", Operands::Read)),
    ("fold fmt", tool("-:w,width=", Operands::Read)),
    ("nl", tool("-:b,body-numbering= -:d= -:f= -:h= -:i= -:l= -:n= -:s= -:v= -:w=", Operands::Read)),
    ("pr", tool("-:h,header= -:l,length= -:w,width= -:W= -:o,indent= -:N= -:D=", Operands::Read)),
    ("expand unexpand", tool("-:t,tabs=", Operands::Read)),
    (
        "column",
        tool(
            "-:s,separator= -:o,output-separator= -:c,output-width= -:N,table-columns= -:H= -:R= -:l=",
            Operands::Read,
        ),
    ),
    ("join", tool("-:t= -:1= -:2= -:o= -:e= -:a= -:v= -:j=", Operands::Read)),
    ("od", tool("-:t,format= -:N,read-bytes= -:A,address-radix= -:j,skip-bytes= -:S=?", Operands::Read)),
    ("hexdump", tool("-:n,length= -:s,skip= -:e,format= r:f,format-file=", Operands::Read)),
    ("base64 base32 basenc", tool("-:w,wrap=", Operands::Read)),
    ("cmp", tool("-:n,bytes= -:i,ignore-initial=", Operands::Read)),
    ("ptx", tool("", Operands::Write)),
    ("stty", tool("r:F,file=", Operands::Ignored)),
    ("dig", tool("r:f= r:k= -:b= -:c= -:p= -:q= -:t= -:x= -:y=", Operands::Ignored)),
    (
        "sort",
        tool(
            "w:o,output= a:compress-program= a:files0-from= -:k,key= -:t,field-separator= -:S,buffer-size= b:T,temporary-directory= -:parallel= -:batch-size= r:random-source=",
            Operands::Read,
        ),
    ),
    ("uniq", tool("-:f,skip-fields= -:s,skip-chars= -:w,check-chars=", Operands::ReadThenWrite)),
    ("xxd", tool("-:c,cols= -:g,groupsize= -:l,len= -:s,seek= -:o= -:n= -:R=", Operands::ReadThenWrite)),
    ("shuf", tool("w:o,output= -:n,head-count= -:i,input-range= r:random-source= m:e,echo", Operands::Read)),
    (
        "diff",
        tool(
            "m:r,recursive r:from-file= r:to-file= r:X,exclude-from= -:x,exclude= -:I= -:F= -:U,unified= -:C,context= -:W,width= -:L,label= -:S,starting-file= -:D,ifdef= -:horizon-lines= -:tabsize= -:palette=",
            Operands::Read,
        ),
    ),
    ("sdiff diff3", tool("w:o,output= a:diff-program= -:w,width= -:I=", Operands::Read)),
    (
        "grep egrep fgrep zgrep zegrep zfgrep bzgrep xzgrep zstdgrep",
        tool(
            "m:e,regexp= r:f,file= r:exclude-from= m:r,R,recursive,dereference-recursive m:v,invert-match m:A,after-context= m:B,before-context= m:C,context= m:z,null-data -:m,max-count= -:D,devices= -:d,directories= -:include= -:exclude= -:exclude-dir= -:label= -:color=? -:binary-files= m:num,0,1,2,3,4,5,6,7,8,9",
            Operands::PatternThenRead,
        ),
    ),
    (
        "rg",
        tool(
            "a:pre= a:pre-glob= a:hostname-bin= a:z,search-zip m:e,regexp= r:f,file= -:g,glob= -:iglob= -:t,type= -:T,type-not= -:m,max-count= -:A= -:B= -:C= -:M= -:j= -:d,max-depth= r:ignore-file= -:color= -:colors= -:sort= -:sortr= -:type-add=",
            Operands::PatternThenRead,
        ),
    ),
    (
        "file",
        tool("a:C,compile r:m,magic-file= r:f,files-from= -:F,separator= -:e,exclude= -:P,parameter=", Operands::Read),
    ),
    ("iconv", tool("w:o,output= -:f,from-code= -:t,to-code=", Operands::Read)),
    (
        "xmllint",
        tool(
            "w:o,output= a:shell -:xpath= -:encode= r:schema= r:dtdvalid= r:relaxng= a:catalogs a:noent a:loaddtd a:xinclude a:noxincludenode",
            Operands::Read,
        ),
    ),
    (
        "tree",
        tool(
            "w:o= -:L= -:P= -:I= -:H= -:T= -:charset= -:filelimit= a:fromfile a:fromtabfile a:R r:gitfile= r:infofile= -:sort=?",
            Operands::Ignored,
        ),
    ),
    ("hostname dnsdomainname nisdomainname domainname", tool("a:F,file= a:b,boot", Operands::Asks)),
    (
        "dmesg",
        tool(
            "a:C,clear a:c,read-clear a:D,console-off a:E,console-on a:n,console-level= r:F,file= r:K,kmsg-file= -:f,facility= -:l,level= -:since= -:until= -:time-format=",
            Operands::Ignored,
        ),
    ),
    ("ss netstat", tool("a:K,kill r:F,filter= w:D,diag= -:f,family= -:A,query,socket= -:N,net=", Operands::Ignored)),
    (
        "lsof",
        tool(
            "a:D= r:m= r:k= -:i=? -:p= -:u= -:c= -:g= -:s=? -:d= -:F=? -:r=? -:S=? -:T=? -:o=? -:L=? -:K=? -:e= -:x=? -:Z=?",
            Operands::Ignored,
        ),
    ),
    (
        "smartctl",
        tool(
            "a:s,smart= a:t,test= a:X,abort a:o,offlineauto= a:S,saveauto= a:set= a:B,drivedb= -:d,device= -:l,log=",
            Operands::Ignored,
        ),
    ),
    ("fuser", tool("a:k,kill a:K -:n,namespace= -:s", Operands::Ignored)),
    (
        "top htop atop btop",
        tool("-:d,delay= -:n,iterations= -:p,pid= -:u= -:U= -:o,sort-key= -:w= -:E= -:e=", Operands::Ignored),
    ),
    (
        "man",
        tool(
            "a:P,pager= a:H,html=? a:C,config-file= a:B a:X,gxditview=? a:T,troff-device=? a:R,recode= -:L,locale= -:M,manpath= -:s,S,sections= a:p,preprocessor= -:m,systems=",
            Operands::Read,
        ),
    ),
    ("pidstat", tool("a:e= -:p= -:U=? -:C= -:G= -:T= -:u", Operands::Ignored)),
    (
        "blkid",
        tool("w:c,cache-file= -:o,output= -:s,match-tag= -:t,match-token= -:L,label= -:U,uuid=", Operands::Ignored),
    ),
    ("dmidecode", tool("w:dump-bin= r:from-dump= -:t,type= -:s,string= -:d,dev-mem=", Operands::Ignored)),
    ("sensors", tool("a:s,set r:c,config-file=", Operands::Ignored)),
    (
        "bat batcat",
        tool(
            "a:pager= a:paging= -:l,language= -:r,line-range= -:H= -:theme= -:style= -:color= -:m,map-syntax= -:file-name=",
            Operands::Read,
        ),
    ),
    ("mkdir", tool("-:m,mode= -:p,parents -:Z -:context=?", Operands::Write)),
    ("mkfifo", tool("-:m,mode= -:Z -:context=?", Operands::Write)),
    ("touch", tool("-:d,date= -:t= r:r,reference= -:time=", Operands::Write)),
    ("truncate", tool("-:s,size= r:r,reference=", Operands::Write)),
    ("tee sponge", tool("-:output-error=?", Operands::Write)),
    ("fallocate", tool("-:l,length= -:o,offset=", Operands::Write)),
    (
        "logger",
        tool("r:f,file= a:u,socket= a:n,server= a:P,port= -:p,priority= -:t,tag= -:id=? m:s", Operands::Ignored),
    ),
    ("mktemp", tool("b:p,tmpdir=? -:suffix=", Operands::Write)),
    ("sync", tool("m:d m:f", Operands::Read)),
    (
        "pv",
        tool(
            "r:f w:o,output= a:R,remote= a:d,watchfd= -:s,size= -:L,rate-limit= -:N,name= -:i,interval= -:w,width= w:P,pidfile=",
            Operands::Read,
        ),
    ),
    (
        "ab wrk hey",
        tool("r:p= r:u= a:s,script= w:g= w:e= a:E= -:n= -:c= -:t= -:d= -:H= -:m= -:T= -:l", Operands::Ignored),
    ),
];

/// Always ask: the code, what is said of them, the names.
const ASKS: &[(&str, &str, &str)] = &[
    (
        "disk_format",
        "changes disks, partitions or volumes",
        "mkfs mke2fs fsck sfdisk cfdisk gdisk sgdisk cgdisk partprobe partx kpartx wipefs blkdiscard \
      cryptsetup veritysetup integritysetup lvm lvcreate lvremove lvextend lvreduce lvresize lvchange lvconvert lvrename vgcreate vgremove vgextend vgreduce \
      vgchange vgrename vgimport vgexport pvcreate pvremove pvmove pvresize pvchange dmsetup mdadm zpool zfs btrfs btrfstune bcachefs mkswap tune2fs e2fsck \
      resize2fs debugfs dumpe2fs e2label e2image xfs_repair xfs_growfs xfs_admin xfs_db ntfsfix badblocks hdparm sdparm nvme losetup zramctl multipath \
      iscsiadm growpart fstrim fatlabel swaplabel blockdev efibootmgr grub-install grub-mkconfig update-grub grub2-install grub2-mkconfig \
      grub-set-default lilo extlinux flashrom fwupdmgr update-initramfs dracut mkinitcpio mkinitramfs kernel-install sbctl mokutil",
    ),
    (
        "mount",
        "changes what is mounted",
        "umount mount.cifs mount.nfs fusermount fusermount3 swapon swapoff pivot_root udisksctl sshfs bindfs overlayfs",
    ),
    ("reboot", "restarts the machine", "reboot kexec"),
    (
        "shutdown",
        "stops the machine",
        "shutdown halt poweroff init telinit rtcwake systemd-inhibit pm-suspend pm-hibernate",
    ),
    (
        "users",
        "changes accounts or passwords",
        "useradd adduser usermod userdel deluser groupadd addgroup groupmod groupdel delgroup groupmems passwd chpasswd \
      chgpasswd gpasswd chsh chfn chage vipw vigr visudo newusers pwconv pwunconv grpconv grpunconv newgrp sg faillock pam-auth-update authselect homectl \
      usernetctl newuidmap newgidmap smbpasswd saslpasswd2 realm samba-tool ldapmodify ldapadd ldapdelete",
    ),
    (
        "firewall",
        "changes the firewall",
        "iptables ip6tables iptables-restore ip6tables-restore iptables-legacy ip6tables-legacy iptables-nft arptables ebtables \
      ipset nft nftables ufw firewall-cmd firewall-offline-cmd fail2ban-client shorewall conntrack",
    ),
    (
        "network_change",
        "changes the network",
        "ifup ifdown dhclient dhcpcd brctl vconfig wpa_supplicant wpa_cli iwctl tc wg-quick wg openvpn nmtui tailscale zerotier-cli \
      netplan resolvconf mii-tool rfkill ovs-vsctl ipvsadm tcpdump tshark dumpcap ettercap arpspoof",
    ),
    (
        "system_rebuild",
        "changes the whole system",
        "nix-env nix-collect-garbage nixos-install nixos-enter nixos-generate-config home-manager darwin-rebuild nix-build \
      nix-shell nix-instantiate nix-copy-closure nix-daemon deploy colmena switch-to-configuration ansible ansible-playbook puppet chef-client salt-call terraform",
    ),
    (
        "package_change",
        "installs or removes software",
        "dpkg-reconfigure dpkg-divert update-alternatives alternatives add-apt-repository apt-key apt-add-repository \
      apt-mark unattended-upgrade do-release-upgrade rpmbuild alien gem cpan cpanm pipx uv poetry conda mamba brew cabal stack opam luarocks composer \
      eopkg emerge zypper xbps-install tdnf microdnf",
    ),
    (
        "kernel_change",
        "changes the running kernel",
        "modprobe insmod rmmod depmod kmod bpftool bpftrace perf trace-cmd stap kexec-tools setpci devmem devmem2 \
      auditctl setenforce semanage setsebool apparmor_parser aa-enforce aa-complain aa-disable aa-teardown chcpu cpupower",
    ),
    ("clock", "changes the clock", "hwclock ntpdate ntpd chronyd adjtimex"),
    (
        "trace_process",
        "looks into or steers another process",
        "gdb gdbserver lldb strace ltrace ptrace reptyr gcore rr pwndbg r2 radare2 criu",
    ),
    (
        "isolation",
        "leaves or rearranges what surrounds the command",
        "nsenter chroot bwrap firejail runc crun containerd ctr machinectl systemd-nspawn lxc lxc-start \
      lxc-attach lxd incus virsh qemu-system-x86_64 setpriv capsh prlimit cgexec cgcreate cgdelete cgset newgidmap aa-exec runcon",
    ),
    (
        "remote_shell",
        "runs commands or moves files elsewhere",
        "ssh sftp rsh rlogin telnet mosh autossh sshpass ssh-copy-id ssh-add ssh-agent ssh-keygen dropbear dbclient \
      lftp ftp ncftp tftp rclone restic borg duplicity aws gcloud az kubectl helm k9s doctl flyctl heroku vercel gh glab",
    ),
    (
        "scheduled",
        "lets commands run later, out of sight",
        "at batch atrm anacron run-parts systemd-run start-stop-daemon daemonize supervisorctl pm2 tmux screen dtach \
      abduco nq tsp",
    ),
    (
        "script_unjudged",
        "runs code that can't be judged",
        "python python2 python3 pypy pypy3 ipython perl ruby irb node nodejs deno bun php lua luajit tclsh wish expect \
      guile racket sbcl clisp erl elixir iex escript ghc runghc runhaskell julia R Rscript octave swift java jshell kotlin scala groovy clojure osascript \
      pwsh ocaml dc ed ex vi vim nvim view vimdiff rvim emacs emacsclient nano pico joe mcedit ne micro m4 gnuplot sqlite3 mysql mariadb psql mongo mongosh \
      redis-cli duckdb zsh fish csh tcsh ksh93 rc es xonsh nu elvish socat ncat nc.openbsd nc.traditional telnetd inetd websocat mc ranger nnn fzf vifm \
      dialog whiptail git-shell rbash ghci mono dotnet wine",
    ),
    (
        "unknown_program",
        "can read, write and load more than can be judged",
        "yq gcc cc g++ c++ clang clang++ tcc rustc go javac ld as nasm \
      ffmpeg convert magick mogrify montage gs latex pdflatex xelatex tex pandoc groff troff",
    ),
    (
        "project_code",
        "runs what the project says",
        "make gmake cmake ninja meson scons bazel buck just task rake mvn gradle ant sbt lein cargo npx yarn pnpm pytest tox \
      nox jest mocha vitest tsc webpack vite rollup eslint prettier pre-commit husky bundle mix rebar3 zig dune waf autoconf automake configure autoreconf \
      ctest phpunit docker-compose podman-compose skaffold tilt packer vagrant hugo jekyll",
    ),
    ("containers", "starts or changes containers", "buildah skopeo nerdctl kind minikube k3s k3d crictl"),
    (
        "osmoda_itself",
        "is a part of osmoda",
        "agentd keyd watchd osmoda-agentd osmoda-keyd osmoda-watch osmoda-routines osmoda-voice osmoda-mesh osmoda-mcpd osmoda-teachd \
      osmoda-egress mcpd teachd routines egress meshd voiced",
    ),
    ("history", "changes the record of what was done", "logrotate utmpdump fc wtmpdb"),
    ("setuid", "gives programs more rights", "setcap setfattr"),
    (
        "environment",
        "changes what other commands do",
        "enable bind complete compgen compopt env_parallel setterm loadkeys setfont chvt openvt dconf gsettings",
    ),
];

fn put(table: &mut HashMap<&'static str, Kind>, names: &'static str, kind: Kind) {
    for name in names.split_ascii_whitespace() {
        table.insert(name, kind);
    }
}

const VERBS: &[(&str, &Verbs)] = verbs::VERBS;

/// The whole table.
pub(super) fn table() -> HashMap<&'static str, Kind> {
    let mut table = HashMap::with_capacity(1200);
    put(&mut table, PLAIN, Kind::Plain);
    for (code, text, names) in ASKS {
        put(&mut table, names, Kind::Asks(code, text));
    }
    for (names, tool) in TOOLS {
        put(&mut table, names, Kind::Tool(tool));
    }
    for (names, verbs) in VERBS {
        put(&mut table, names, Kind::Verbs(verbs));
    }
    let own = files::OWN
        .iter()
        .chain(copies::OWN)
        .chain(pieces::OWN)
        .chain(texts::OWN)
        .chain(find::OWN)
        .chain(wrappers::OWN)
        .chain(scripts::OWN)
        .chain(archive::OWN)
        .chain(network::OWN)
        .chain(system::OWN)
        .chain(processes::OWN);
    for (names, judge) in
        own.chain(&[("git", git::git as _), ("awk gawk mawk nawk", awk::awk as _), ("sed gsed", sed::sed as _)])
    {
        put(&mut table, names, Kind::Own(*judge));
    }
    table
}
