"""The hostile program that is run inside each sandbox: tries to get out, and says of each try whether it got through.

    attacks.py FACTS [NAME...]     FACTS is JSON: what of the outside is worth reaching

Prints one line a try: NAME, a tab, `denied`, `reached` (the kernel's own code had to say no) or `THROUGH`, a tab, how. It does no harm where it gets through: what it
fills, starts and takes has a bound, and goes away with it.
"""
import ctypes
import errno
import json
import os
import signal
import socket
import struct
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
FACTS = json.loads(sys.argv[1])
ATTACKS = {}
MACHINE = os.uname().machine
# Numbers of system calls: those of x86-64, and of aarch64 where they differ.
CALLS = {
    "ptrace": (101, 117), "syslog": (103, 116), "personality": (135, 92), "pivot_root": (155, 41), "chroot": (161, 51),
    "acct": (163, 89), "mount": (165, 40), "umount2": (166, 39), "swapon": (167, 224), "reboot": (169, 142), "sethostname": (170, 161),
    "init_module": (175, 105), "settimeofday": (164, 170), "quotactl": (179, 60), "io_setup": (206, 0), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "kexec_load": (246, 104), "unshare": (272, 97), "perf_event_open": (298, 241),
    "fanotify_init": (300, 262), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "setns": (308, 268), "kcmp": (312, 272),
    "process_vm_readv": (310, 270), "finit_module": (313, 273), "bpf": (321, 280), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "pidfd_open": (434, 434), "clone3": (435, 435), "pidfd_getfd": (438, 438), "open_tree": (428, 428), "fsopen": (430, 430), "clone": (56, 220),
    "move_pages": (279, 239), "memfd_secret": (447, 447),
}


def call(name, *arguments):
    number = CALLS[name][0 if MACHINE == "x86_64" else 1]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return result, ctypes.get_errno()


def attack(function):
    ATTACKS[function.__name__] = function
    return function


class Denied(Exception):
    pass


class Reached(Exception):
    pass


def refused_call(name, *arguments):
    """Through where the call succeeds, reached where the kernel's own code looked at it before it said no."""
    result, number = call(name, *arguments)
    if result >= 0:
        return f"{name} answered {result}"
    if number in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        raise Denied(errno.errorcode[number])
    raise Reached(errno.errorcode.get(number, str(number)))


def read(path):
    with open(path, "rb") as file:
        text = file.read(200)
    if not text:
        raise Denied("empty")
    return f"read {len(text)} bytes of {path}"


def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as door:
        door.settimeout(2)
        door.connect(address)
        return f"connected to {address}"


# Files.
@attack
def read_etc_shadow():
    return read("/etc/shadow")


@attack
def read_a_root_folder():
    names = os.listdir("/root")
    if not names:
        raise Denied("empty")
    return "listed /root"


@attack
def read_other_peoples_files():
    return read(FACTS["secret"])


@attack
def list_other_peoples_files():
    return f"found {os.listdir(os.path.dirname(FACTS['secret']))}"


@attack
def write_outside():
    with open(FACTS["outside"] + "/written", "w") as file:
        file.write("x")
    # Into a memory of the sandbox's own is not outside; whoever started this looks.
    raise Denied("looked for from outside")


@attack
def write_to_usr():
    with open("/usr/osmoda-attack", "w"):
        pass
    return "wrote /usr"


@attack
def write_to_etc():
    with open("/etc/osmoda-attack", "w"):
        pass
    return "wrote /etc"


@attack
def write_to_the_root():
    with open("/osmoda-attack", "w"):
        pass
    return "wrote / (memory without a limit)"


@attack
def write_to_dev():
    with open("/dev/osmoda-attack", "w"):
        pass
    return "wrote /dev (memory without a limit)"


@attack
def write_the_first_programs_file():
    with open("/proc/1/exe", "r+b"):
        return "opened process 1's program for writing"


@attack
def follow_a_link_out():
    os.chdir(writable())
    os.symlink(FACTS["secret"], "a-link")
    return read("a-link")


@attack
def follow_a_link_of_proc_out():
    return read("/proc/1/root" + FACTS["secret"])


@attack
def walk_up_out():
    return read("../" * 30 + FACTS["secret"].lstrip("/"))


@attack
def open_by_a_handle():
    return refused_call("open_by_handle_at", -100, 0, 0)


@attack
def use_a_leaked_descriptor():
    for number in range(3, 256):
        try:
            if FACTS["leaked"] in os.readlink(f"/proc/self/fd/{number}"):
                return f"descriptor {number} was left open"
        except OSError:
            pass
    raise Denied("none was left open")


@attack
def leave_by_a_leaked_folder():
    for number in range(3, 256):
        try:
            if os.path.isdir(f"/proc/self/fd/{number}") and os.readlink(f"/proc/self/fd/{number}") == FACTS["outside"]:
                return f"read from the folder {number}: {os.listdir(number)}"
        except OSError:
            pass
    raise Denied("none was left open")


# The network.
@attack
def reach_the_hosts_loopback():
    return connect(socket.AF_INET, ("127.0.0.1", FACTS["port"]))


@attack
def reach_a_private_address():
    return connect(socket.AF_INET, (FACTS["private"], FACTS["port"]))


@attack
def reach_the_hosts_loopback_by_ipv6():
    return connect(socket.AF_INET6, ("::1", FACTS["port"]))


@attack
def reach_the_metadata_address():
    return connect(socket.AF_INET, ("169.254.169.254", 80))


@attack
def reach_the_internet():
    return connect(socket.AF_INET, ("192.0.2.1", 80))


@attack
def reach_any_network():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.connect(("203.0.113.1", 53))
        return f"has a route out from {door.getsockname()[0]}"


@attack
def ask_dns():
    try:
        found = socket.getaddrinfo("example.com", 80)
    except socket.gaierror as error:
        raise Denied(str(error)) from error
    return f"example.com is {found[0][4][0]}"


@attack
def ask_dns_by_a_datagram():
    question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(2)
        door.sendto(question, (FACTS["private"], FACTS["datagrams"]))
        return f"answered {door.recv(100)!r}"


@attack
def ignore_the_proxy():
    """What `curl --noproxy '*'` does: the variables are asked of nobody."""
    for name in list(os.environ):
        if name.lower().endswith("proxy"):
            del os.environ[name]
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{FACTS['private']}:{FACTS['port']}/", timeout=2) as answer:
        return f"status {answer.status}"


@attack
def ask_the_proxy_for_the_hosts_loopback():
    proxy = os.environ.get("http_proxy")
    if not proxy:
        raise Denied("there is no proxy")
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    with opener.open(f"http://127.0.0.1:{FACTS['port']}/", timeout=3) as answer:
        return f"status {answer.status}"


def proxy_says(line, with_token=True):
    """What the proxy answers to one line; a relay inside can ask for no more than that."""
    import base64
    import urllib.parse

    address = urllib.parse.urlsplit(os.environ.get("http_proxy") or os.environ.get("HTTP_PROXY") or "")
    if not address.hostname:
        raise Denied("there is no proxy")
    head = line + "\r\n"
    if with_token and address.password:
        pair = f"{urllib.parse.unquote(address.username)}:{urllib.parse.unquote(address.password)}"
        head += f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=3) as door:
        door.settimeout(5)
        door.sendall((head + "\r\n").encode())
        answer = door.recv(300).decode(errors="replace").split("\r\n")[0]
    if " 200" in answer:
        return answer
    raise Denied(answer or "it hung up")


@attack
def relay_to_the_hosts_loopback():
    return proxy_says(f"CONNECT 127.0.0.1:{FACTS['port']} HTTP/1.1\r\nHost: 127.0.0.1:{FACTS['port']}")


@attack
def relay_to_a_private_address():
    return proxy_says(f"CONNECT {FACTS['private']}:{FACTS['port']} HTTP/1.1\r\nHost: {FACTS['private']}:{FACTS['port']}")


@attack
def relay_to_the_metadata_address():
    return proxy_says("CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80")


@attack
def relay_to_a_host_that_was_not_named():
    return proxy_says("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443")


@attack
def relay_without_the_token():
    return proxy_says("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443", with_token=False)


@attack
def reach_an_abstract_socket():
    return connect(socket.AF_UNIX, "\0" + FACTS["abstract"])


@attack
def talk_to_osmoda():
    return connect(socket.AF_UNIX, FACTS["osmoda"])


@attack
def talk_to_the_message_bus():
    return connect(socket.AF_UNIX, FACTS.get("bus", "/run/dbus/system_bus_socket"))


@attack
def listen_where_others_can_come():
    with socket.socket() as door:
        door.bind(("0.0.0.0", 0))
        door.listen()
        port = door.getsockname()[1]
        with open(writable() + "/port", "w") as file:
            file.write(str(port))
    interfaces = [line for line in open("/proc/net/dev") if ":" in line]
    if len(interfaces) > 1:
        return f"{len(interfaces)} interfaces"
    raise Denied("there is nothing but a loopback")


@attack
def make_a_raw_socket():
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return "has a raw socket"


@attack
def make_a_packet_socket():
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM):
        return "has a packet socket"


@attack
def make_a_vsock():
    with socket.socket(40, socket.SOCK_STREAM):
        return "has a socket to the hypervisor"


@attack
def make_a_kernel_crypto_socket():
    with socket.socket(38, socket.SOCK_SEQPACKET):
        return "has a socket of AF_ALG"


@attack
def speak_to_netfilter():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12):
        return "has a socket of netfilter"


# Processes.
@attack
def see_host_processes():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if FACTS["process"].encode() in file.read().split(b"\0"):
                    return f"sees it as {pid}"
        except OSError:
            pass
    raise Denied("sees its own only")


@attack
def signal_host_processes():
    os.kill(FACTS["pid"], 0)
    return "may signal it"


@attack
def trace_the_first_process():
    said = refused_call("ptrace", 16, 1, 0, 0)
    # Let go again, so that it does not stand still for ever.
    for _ in range(100):
        if call("ptrace", 17, 1, 0, 0)[0] == 0:
            break
        time.sleep(0.01)
    return said


@attack
def be_traced():
    return refused_call("ptrace", 0, 0, 0, 0)


@attack
def trace_a_child():
    child = os.fork()
    if child == 0:
        time.sleep(5)
        os._exit(0)
    try:
        return refused_call("ptrace", 16, child, 0, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@attack
def read_another_processs_memory():
    return refused_call("process_vm_readv", 1, 0, 0, 0, 0, 0)


@attack
def write_the_first_processs_memory():
    with open("/proc/1/mem", "r+b"):
        return "opened it"


@attack
def read_the_first_processs_environment():
    return read("/proc/1/environ")


@attack
def kill_the_first_process():
    os.kill(1, signal.SIGKILL)
    time.sleep(0.2)
    raise Denied("it lives")


@attack
def take_a_descriptor_of_another():
    handle, _ = call("pidfd_open", 1, 0)
    return refused_call("pidfd_getfd", handle, 1, 0)


@attack
def compare_processes():
    return refused_call("kcmp", 1, os.getpid(), 0, 1, 1)


@attack
def type_into_the_terminal():
    import fcntl
    import termios

    for path in ("/dev/tty", "/dev/pts/0", "/dev/stdin"):
        try:
            with open(path, "rb", buffering=0) as terminal:
                fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
                return f"typed into {path}"
        except OSError:
            pass
    raise Denied("there is none")


# Privileges and the kernel.
@attack
def become_root():
    os.setuid(0)
    if os.stat("/proc/self").st_uid == 0 and os.access("/etc/shadow", os.R_OK):
        return "root of the machine"
    raise Denied("root of nothing")


@attack
def run_a_setuid_program():
    with open("/proc/self/status") as file:
        status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    if status["NoNewPrivs"].strip() == "1":
        raise Denied("no new privileges")
    return "setuid programs work"


@attack
def have_capabilities():
    with open("/proc/self/status") as file:
        status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    held = [name for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd") if int(status[name], 16)]
    if not held:
        raise Denied("every set is empty")
    return f"not empty: {', '.join(held)}"


@attack
def make_a_user_namespace():
    return refused_call("unshare", 0x10000000)


@attack
def make_a_user_namespace_by_clone():
    result, number = call("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if result == 0:
        os._exit(0)
    if result < 0:
        raise Denied(errno.errorcode[number])
    os.waitpid(result, 0)
    return "has one"


@attack
def make_a_user_namespace_by_clone3():
    arguments = struct.pack("<8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    buffer = ctypes.create_string_buffer(arguments)
    result, number = call("clone3", ctypes.byref(buffer), len(arguments))
    if result == 0:
        os._exit(0)
    if result < 0:
        raise Denied(errno.errorcode[number])
    os.waitpid(result, 0)
    return "has one"


@attack
def make_a_network_namespace():
    return refused_call("unshare", 0x40000000)


@attack
def enter_another_namespace():
    with open("/proc/1/ns/mnt") as file:
        return refused_call("setns", file.fileno(), 0)


@attack
def mount():
    return refused_call("mount", 0, 0, 0, 0, 0)


@attack
def mount_by_the_new_calls():
    return refused_call("fsopen", ctypes.c_char_p(b"tmpfs"), 0)


@attack
def clone_a_mount():
    return refused_call("open_tree", -100, ctypes.c_char_p(b"/"), 1)


@attack
def unmount():
    return refused_call("umount2", ctypes.c_char_p(b"/nowhere"), 2)


@attack
def change_the_root():
    return refused_call("pivot_root", ctypes.c_char_p(b"/nowhere"), ctypes.c_char_p(b"/nowhere"))


@attack
def change_the_root_of_itself():
    return refused_call("chroot", ctypes.c_char_p(b"/nowhere"))


@attack
def load_a_module():
    return refused_call("init_module", 0, 0, 0)


@attack
def load_a_module_from_a_file():
    return refused_call("finit_module", -1, ctypes.c_char_p(b""), 0)


@attack
def load_a_kernel():
    return refused_call("kexec_load", 0, 0, 0, 0)


@attack
def reboot():
    return refused_call("reboot", 0, 0, 0, 0)


@attack
def swap():
    return refused_call("swapon", ctypes.c_char_p(b"/nowhere"), 0)


@attack
def set_the_clock():
    return refused_call("settimeofday", 0, ctypes.c_char_p(b"\0" * 8))


@attack
def rename_the_host():
    return refused_call("sethostname", ctypes.c_char_p(b"attack"), 6)


@attack
def read_the_kernels_log():
    return refused_call("syslog", 10, 0, 0)


@attack
def account_for_processes():
    return refused_call("acct", 0)


@attack
def load_a_bpf_program():
    return refused_call("bpf", 5, 0, 0)


@attack
def count_performance():
    return refused_call("perf_event_open", 0, 0, -1, -1, 0)


@attack
def use_userfaultfd():
    return refused_call("userfaultfd", 1)


@attack
def use_io_uring():
    buffer = ctypes.create_string_buffer(120)
    return refused_call("io_uring_setup", 1, ctypes.byref(buffer))


@attack
def watch_the_file_system():
    return refused_call("fanotify_init", 0, 0)


@attack
def change_quotas():
    return refused_call("quotactl", 0, 0, 0, 0)


@attack
def change_its_personality():
    return refused_call("personality", 0x0400000)


@attack
def read_a_keyring():
    return refused_call("keyctl", 0, -4, 0, 0, 0)


@attack
def add_a_key():
    return refused_call("add_key", ctypes.c_char_p(b"user"), ctypes.c_char_p(b"attack"), ctypes.c_char_p(b"x"), 1, -4)


@attack
def ask_for_a_key():
    return refused_call("request_key", ctypes.c_char_p(b"user"), ctypes.c_char_p(b"nothing"), 0, 0)


@attack
def use_the_other_set_of_calls():
    if MACHINE != "x86_64":
        raise Denied("this machine has none")
    result = libc.syscall(ctypes.c_long(0x40000000 | 39))
    number = ctypes.get_errno()
    if result < 0:
        raise Denied(errno.errorcode.get(number, str(number)))
    return "x32 answers"


@attack
def change_a_kernel_setting():
    with open("/proc/sys/kernel/core_pattern", "w") as file:
        file.write("|/tmp/x")
    return "changed it"


@attack
def press_the_magic_key():
    with open("/proc/sysrq-trigger", "w"):
        return "opened it"


@attack
def read_memory():
    for path in ("/dev/mem", "/dev/kmem", "/proc/kcore"):
        try:
            return read(path)
        except OSError:
            pass
    raise Denied("there is none")


@attack
def open_a_disk():
    for path in ("/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/kvm", "/dev/fuse", "/dev/net/tun"):
        try:
            with open(path, "r+b", buffering=0):
                return f"opened {path}"
        except OSError:
            pass
    raise Denied("there is none")


@attack
def make_a_device():
    os.mknod(writable() + "/a-device", 0o600 | 0o060000, os.makedev(8, 0))
    return "made one"


@attack
def see_the_hosts_devices():
    if os.path.isdir("/sys/class") and os.listdir("/sys/class"):
        return "/sys is there"
    raise Denied("there is no /sys")


# What is too much. Each is run alone; who runs it looks at the host meanwhile.
@attack
def fork_bomb():
    most, count, children = 2500, 0, []
    try:
        while count < most:
            child = os.fork()
            if child == 0:
                time.sleep(3)
                os._exit(0)
            children.append(child)
            count += 1
    except OSError:
        pass
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
    if count >= most:
        return f"{count} processes"
    raise Denied(f"{count} processes")


@attack
def thread_bomb():
    most, threads, done = 2500, 0, threading.Event()
    threading.stack_size(64 * 1024)
    try:
        while threads < most:
            threading.Thread(target=done.wait, daemon=True).start()
            threads += 1
    except RuntimeError:
        # A bomb stays where it is.
        time.sleep(0.5)
    done.set()
    if threads >= most:
        return f"{threads} threads"
    raise Denied(f"{threads} threads")


@attack
def memory_bomb():
    held = []
    while len(held) < 1200:
        held.append(bytearray(os.urandom(1)) * (1 << 20))
    return "1200 MiB"


@attack
def memory_bomb_of_many():
    """Eight processes of which none asks for too much."""
    for _ in range(8):
        if os.fork() == 0:
            held = bytearray(b"x") * (150 << 20)
            time.sleep(4)
            os._exit(len(held) & 0)
    for _ in range(8):
        os.wait()
    return "8 times 150 MiB"


@attack
def fill_the_disk():
    wrote = 0
    for folder in dict.fromkeys([writable(), "/tmp", "/dev/shm", "/var/tmp", "/"]):
        path, part = folder + "/a-large-file", 0
        try:
            with open(path, "wb") as file:
                while part < 700:
                    file.write(b"x" * (1 << 20))
                    part += 1
        except OSError:
            pass
        wrote = max(wrote, part)
        try:
            os.unlink(path)
        except OSError:
            pass
    if wrote >= 700:
        return f"{wrote} MiB in one file"
    raise Denied(f"{wrote} MiB")


@attack
def compute_for_ever():
    end = time.time() + 20
    while time.time() < end:
        pass
    return "20 s of a processor"


@attack
def say_too_much():
    line = b"x" * 65536
    for _ in range(2048):
        os.write(2, line)
    return "128 MiB"


ALONE = {"fork_bomb", "thread_bomb", "memory_bomb", "memory_bomb_of_many", "fill_the_disk", "compute_for_ever", "say_too_much"}


def writable():
    for folder in (os.getcwd(), "/sandbox", "/tmp"):
        if os.access(folder, os.W_OK):
            return folder
    return "/tmp"


def main():
    names = sys.argv[2:] or [name for name in ATTACKS if name not in ALONE]
    for name in names:
        # Each in a process of its own: what one spoils the next one has not.
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                print(f"{name}\tTHROUGH\t{ATTACKS[name]()}", flush=True)
            except Reached as error:
                print(f"{name}\treached\t{error}", flush=True)
            except (Denied, OSError, MemoryError) as error:
                print(f"{name}\tdenied\t{error}".replace("\n", " "), flush=True)
            except BaseException as error:  # pylint: disable=broad-except
                print(f"{name}\tdenied\t{type(error).__name__}: {error}".replace("\n", " "), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print(f"{name}\tdenied\tkilled by signal {os.WTERMSIG(status)}", flush=True)


if __name__ == "__main__":
    main()
