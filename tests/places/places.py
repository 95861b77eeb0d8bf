# SPDX-License-Identifier: ISC
"""./dev places: the commands that everybody tries first, where they are tried.

Arguments: a folder to work in; then --check, for ./dev check alone; then places
by their names, all without any. Each is a throw-away Debian with a fresh clone
in it, in which ./dev deb and ./dev check must pass, whatever it forbids.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from fixture import root

TOGETHER = 2

SUITES = {"debian12": "bookworm", "debian13": "trixie"}

USER = 1000

# What Docker leaves to root in a container.
DOCKER = ("chown", "dac_override", "fowner", "fsetid", "kill", "setgid",
          "setuid", "setpcap", "net_bind_service", "net_raw", "sys_chroot",
          "mknod", "audit_write", "setfcap")

AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
           "--inh-caps=-all")
WITHOUT_CAPABILITIES = (*AS_USER, "--bounding-set=-all")
IN_CONTAINER = ("setpriv", "--inh-caps=-all", "--bounding-set=-all,"
                + ",".join("+" + name for name in DOCKER))

FILES = {
    "etc/hosts": "127.0.0.1 localhost places\n::1 localhost\n",
    "etc/dpkg/dpkg.cfg.d/quick": "force-unsafe-io\n",
    "etc/apt/apt.conf.d/places":
        'APT::Sandbox::User "root";\n'
        'APT::Keep-Downloaded-Packages "true";\n'
        'Acquire::Languages "none";\n',
}

# Arguments: the root, the layers of an overlay to mount on it (or nothing),
# then what to run: in namespaces of its own.
INSIDE = r"""
set -eu
root=$1 layers=$2
shift 2
hostname places
[ -z "$layers" ] || mount -t overlay overlay "$root" -o "$layers"
cd "$root"
mount --bind "$PP_DEBS" var/cache/apt/archives
""" + root.MOUNTS + r"""
exec chroot . env -i "$@"
"""

CONFIGURE = r"""
set -e
cd "$HOME/libproxyproto"
./autogen.sh
./configure -q
make -s -j2
"""
CHECK = r"""
set -eo pipefail
cd "$HOME/libproxyproto"
./dev check
"""
# What ./dev deb says last is done, too, by those who may.
DEB = r"""
set -eo pipefail
cd "$HOME/libproxyproto"
./dev deb | tee /tmp/deb
if [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; then
	eval "$(sed -n '$s/^== to install it: //p' /tmp/deb)"
	LD_PRELOAD=libproxyproto.so true 2>&1 | (! grep .)
fi
"""


class Place:
    """A place, by what it is made of."""

    def __init__(self, what, run=(), layer="full", home="/root", owner=0,
                 packages=None, plain=False, configured=False):
        self.what = what
        self.run = run              # the command that the rest runs under
        self.layer = layer
        self.home = home
        self.owner = owner
        self.packages = packages    # of the layer, if it is not "full"
        self.plain = plain          # a folder, and no mount
        self.configured = configured

    @property
    def path(self):
        """PATH as Debian's login has it."""
        path = "/usr/local/bin:/usr/bin:/bin"
        return path if self.owner else \
            "/usr/local/sbin:" + path.replace(":", ":/usr/sbin:", 1) + ":/sbin"


PLACES = {
    "root": Place("root, the clone in /root, where nobody else can enter"),
    "sudo": Place("an ordinary user with sudo", AS_USER, layer="sudo",
                  home="/home/user", owner=USER, packages=("sudo",)),
    "user": Place("an ordinary user without sudo or capabilities, in a "
                  "process namespace", WITHOUT_CAPABILITIES,
                  home="/home/user", owner=USER),
    "namespace": Place("root in a process namespace with few processes, in a "
                       "tree that ./configure and make have run in",
                       home="/srv", configured=True),
    "container": Place("the capabilities that Docker leaves", IN_CONTAINER,
                       home="/srv"),
    "minbase": Place("a chroot of what Debian always has", layer=None,
                     plain=True),
}


def packages():
    """All that ./dev check and ./dev deb install."""
    with open(root.SOURCE + "/dev", encoding="ascii") as file:
        lists = re.findall(r"^(?:build|check|deb)_packages=\((.*?)\)",
                           file.read(), re.M | re.S)
    return set(" ".join(lists).split())


def clone(to, owner):
    """What git has of this tree, as it stands; nothing that was built."""
    os.makedirs(to)
    files = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached",
         "--others", "--exclude-standard"],
        cwd=root.SOURCE, stdout=subprocess.PIPE, check=True).stdout
    files = b"".join(name + b"\0" for name in files.split(b"\0")
                     if os.path.lexists(os.path.join(
                         root.SOURCE.encode(), name)) and name)
    tar = subprocess.run(["tar", "-c", "--null", "--files-from=-"],
                         cwd=root.SOURCE, input=files,
                         stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", f"--owner={owner}"], cwd=to, input=tar,
                   check=True)
    subprocess.run(["chown", "-R", f"{owner}:{owner}", to], check=True)


class Made:
    """A place of a suite: made, used, and taken away."""

    def __init__(self, folder, name):
        suite, _, kind = name.partition("/")
        self.name = name
        self.debian = root.Root(f"{folder}/{suite}", SUITES[suite])
        self.place = PLACES[kind]
        self.folder = f"{folder}/{suite}/places/{kind}"

    def prepare(self):
        """Downloads and installs what it shares with others of its suite."""
        self.debian.bootstrap()
        if self.place.layer:
            self.debian.prepare_layer(self.place.layer,
                                      self.place.packages or packages())

    def make(self):
        """(the root, what to mount there)"""
        debian, place = self.debian, self.place
        shutil.rmtree(self.folder, ignore_errors=True)
        # a folder of its own: apt locks it
        os.makedirs(self.folder + "/debs/partial")
        for deb in glob.glob(debian.debs + "/*.deb"):
            os.link(deb, f"{self.folder}/debs/{os.path.basename(deb)}")
        top = self.folder + "/root"
        if place.plain:
            subprocess.run(["cp", "-a", debian.root, top], check=True)
            self.fill(top)
            return top, ""
        upper, work = self.folder + "/upper", self.folder + "/work"
        for folder in top, upper, work:
            os.makedirs(folder)
        lower = ":".join(debian.layers(place.layer))
        mount = f"lowerdir={lower},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", top, "-o",
                        mount], check=True)
        self.fill(top)
        subprocess.run(["umount", top], check=True)
        return top, mount

    def fill(self, top):
        place = self.place
        root.write(top, FILES | self.debian.apt_files())
        for name in "usr/sbin/policy-rc.d", "etc/apt/apt.conf.d/servers":
            if os.path.exists(f"{top}/{name}"):
                os.unlink(f"{top}/{name}")
        if place.owner:
            subprocess.run(
                ["chroot", top, "/usr/sbin/useradd", f"--uid={USER}",
                 "--create-home", "--home-dir=" + place.home, "user"],
                check=True)
        if os.path.exists(top + "/etc/sudoers.d"):
            with open(top + "/etc/sudoers.d/user", "w",
                      encoding="ascii") as file:
                file.write("user ALL=(ALL) NOPASSWD: ALL\n")
        clone(top + place.home + "/libproxyproto", place.owner)

    def run(self, scripts):
        """Runs one after the other there. Did they pass?"""
        top, mount = self.make()
        if self.place.configured:
            scripts = {"configure": CONFIGURE} | scripts
        passed = all(self.run_script(top, mount, *script)
                     for script in scripts.items())
        if passed:
            shutil.rmtree(self.folder)
        return passed

    def run_script(self, top, mount, name, script):
        """Runs it, and shows how it ends."""
        place, log = self.place, f"{self.folder}.{name}.log"
        begin = time.monotonic()
        with open(log, "wb") as file:
            passed = subprocess.run(
                ["unshare", "--mount", "--ipc", "--uts", "--pid", "--fork",
                 "--kill-child", "sh", "-c", INSIDE, "sh", top, mount,
                 "PATH=" + place.path, "HOME=" + place.home, *place.run,
                 "bash", "-c", script],
                env=os.environ | {"PP_DEBS": self.folder + "/debs"},
                stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, check=False).returncode == 0
        count = 80 if not passed else 40 if name == "check" else 3
        print(f"{'PASS' if passed else 'FAIL'}: {self.name}: {name} "
              f"({time.monotonic() - begin:.0f} s), as {place.what}; {log}:\n"
              + last_lines(log, count), end="", flush=True)
        return passed


def last_lines(path, count):
    with open(path, encoding="utf-8", errors="replace") as file:
        return "".join(f"    {line.rstrip()}\n"
                       for line in file.readlines()[-count:])


def main(folder, *arguments):
    # this is process 1 of its namespace: all it started ends with it, at once
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, lambda caught, _: os._exit(128 + caught))
    known = [f"{suite}/{name}" for suite in SUITES for name in PLACES]
    names = [name for name in arguments if name != "--check"]
    for name in names:
        if name not in known:
            sys.exit(f"no such place: {name}; there are: {' '.join(known)}")
    scripts = {"deb": DEB, "check": CHECK}
    if "--check" in arguments:
        del scripts["deb"]
    places = {}
    for name in names or known:
        places[name] = Made(folder, name)
        places[name].prepare()
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        passed = list(pool.map(
            lambda place: place.run(scripts), places.values()))
    failed = [name for name, well in zip(places, passed) if not well]
    if failed:
        sys.exit(f"FAIL: {' '.join(failed)}")
    print(f"PASS: {' '.join(places)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
