#!/usr/bin/env python3
"""Boots Debian's kernel for i386 to its shell and lets the shell end the machine, under QEMU TCG and Ringside, taking turns.

    boot.py RINGSIDE SOURCE_FOLDER [--rounds 3] [--modes native,hvm]

The kernel comes out of Debian's packages (ui/foreign-kernels). What is printed is seconds of processor time of the
emulator's process, the median over the rounds: this host's and this minute's; the ratios are what compares. An emulator
that is not installed is left out. Exit status: 0 done, 1 a boot went wrong, 77 the kernels cannot be fetched."""
import argparse, os, resource, select, shutil, statistics, subprocess, sys, time

PROMPT, LEAVE, LIMIT = b"\n# ", b"leave 0\n", 900


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def qemu(folder):
    """QEMU has nobody who types: wait for the prompt on its serial line."""
    command = ["qemu-system-i386", "-nodefaults", "-no-user-config", "-M", "pc", "-accel", "tcg", "-m", "128"]
    command += ["-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initramfs", "-append", "console=ttyS0"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text, end = b"", time.monotonic() + LIMIT
    while PROMPT not in text:
        if not select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            break
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            break
        text = (text + chunk).replace(b"\r", b"")
    if PROMPT in text:
        process.stdin.write(LEAVE)
        process.stdin.flush()
        process.stdout.read()
    else:
        process.kill()
    process.wait()
    return PROMPT in text


def ringside(program, folder, mode):
    command = [program, "run", "--kernel", f"{folder}/vmlinuz", "--initrd", f"{folder}/initramfs", "-m", "128"]
    command += ["--append", "console=ttyS0", "--prompt", "# ", "--type", LEAVE.decode().strip()]
    command += ["--mode", mode, "--instructions", "40G", "--seconds", str(LIMIT), "--json"]
    return subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("source")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--modes", default="native,hvm")
    given = parser.parse_args()
    fetched = subprocess.run(["bash", given.source + "/ui/foreign-kernels"], stdout=subprocess.PIPE, text=True)
    if fetched.returncode:
        print("skipped: the kernels cannot be fetched")
        return 77
    folder = fetched.stdout.strip()
    runs = {mode: (lambda mode=mode: ringside(given.program, folder, mode)) for mode in given.modes.split(",")}
    if shutil.which("qemu-system-i386"):
        runs = {"qemu-tcg": lambda: qemu(folder), **runs}
    seconds = {name: [] for name in runs}
    for _ in range(given.rounds):
        for name, run in runs.items():
            before = children_seconds()
            if not run():
                print(f"{name}: the kernel did not reach its shell", file=sys.stderr)
                return 1
            seconds[name].append(children_seconds() - before)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print("Debian's kernel to its shell and off, seconds of processor time")
    for name, value in medians.items():
        ratio = f"{value / medians['qemu-tcg']:6.2f} x qemu-tcg" if "qemu-tcg" in medians else ""
        print(f"  {name:<10} {value:7.1f} {ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
