#!/usr/bin/env python3
"""Runs one bare-metal image (guest/) under Ringside and Debian's QEMU and Bochs, interleaved, and prints guest MIPS of its
compute workloads, nanoseconds of its system events, start-up time and memory.

    compare.py RINGSIDE [--rounds 3] [--workloads abceghijkl...] [--only ringside,qemu-tcg] [--json FILE]

Rates are by CPU time of the emulator's process between two marks that the guest prints on port E9h, the median over the
rounds. What the guest computes is checked: a wrong checksum is marked with an exclamation mark. Figures are this host's
and this minute's; the ratios are what compares."""
import argparse, json, math, os, select, shutil, signal, statistics, struct, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))

# letter: what it is, iterations, checksum, guest instructions of all of them (REP: one for each element)
COMPUTE = {
    'a': ('ALU loop', 12000000, 'ea69ff0f', 96000020),
    'b': ('DEC, JNZ', 50000000, '08f0d180', 100000011),
    'c': ('sieve', 12, '000132a2', 209945280),
    'd': ('REP STOS, MOVS of 64 KiB', 3000, '00002edc', 98331028),
    'e': ('copy loop', 700, '00000aec', 103224124),
    'f': ('REP MOVSB, short', 1000000, '7c64c900', 57500024),
    'g': ('quicksort', 50, '63ffc1bb', 89858956),
    'h': ('CRC and hash table', 300, '3fa19741', 159997487),
    'i': ('strings', 4000, 'f3dfc944', 44054404),
    'j': ('matrix product', 100, '4a327715', 79656215),
    'k': ('recursive fib', 200, '00360cb8', 92736016),
    'l': ('bytecode interpreter', 2000000, 'ee7218f3', 154000027),
    'm': ('self-modifying code', 1000000, '6a4ae6e0', 8000029),
    'n': ('calls in 128 KiB of code', 1500, '40c82775', 73895820),
    'o': ('sieve, paging on', 12, '000132a2', 210100969),
    'w': ('ALU loop in ring 3', 12000000, '00b71b00', 96000045),
    'x': ('calls in 32 KiB of code', 6000, '5d147673', 73792476),
}
# letter: what it is, iterations, checksum, events in one iteration
EVENTS = {
    'p': ('TLB miss', 1500, '6f448000', 8192),
    'q': ('PTE write and INVLPG', 1000000, '01851960', 1),
    'r': ('INT 80h, ring 3 to 0 and back', 1000000, '000f4240', 1),
    's': ('#GP on CLI in ring 3, emulated', 1000000, '000f4240', 1),
    't': ('#PF, repaired, and INVLPG', 500000, '002dc6c0', 1),
    'u': ('OUT', 1000000, '000f4240', 1),
    'v': ('IN', 1000000, '000f4240', 1),
}
GEOMEAN = 'abceghijkl'
ALL = {**COMPUTE, **EVENTS}

QEMU = ('qemu-system-i386 -nodefaults -no-user-config -M pc -m 16 -display none -monitor none -debugcon stdio '
        '-device isa-debug-exit,iobase=0xf4 -accel tcg -kernel {bin}')
BOCHS = 'env SDL_VIDEODRIVER=dummy bochs -q -f {bochsrc} -rc {bochs_commands}'
# Bochs wants some video BIOS, though the image needs none: its own package's (vgabios), or that of QEMU's SeaBIOS.
VGA_BIOS = ('/usr/share/bochs/VGABIOS-lgpl-latest', '/usr/share/seabios/vgabios-stdvga.bin')
SLOWER = {'bochs': 10, ('qemu-tcg', 'm'): 4, ('qemu-tcg', 'p'): 2}  # fewer iterations where it takes long


class Image:
    """The image on its media, each run with a configuration of its own."""

    def __init__(self, folder):
        self.folder = folder
        flags = ('-m32 -march=i386 -mno-sse -mno-mmx -mno-80387 -msoft-float -O2 -ffreestanding -fno-pic -fno-pie '
                 '-fno-stack-protector -fno-tree-loop-distribute-patterns -fno-tree-vectorize -Wall '
                 '-fno-asynchronous-unwind-tables -fcf-protection=none -fomit-frame-pointer').split()
        for source in ('kernel', 'workloads'):
            subprocess.run(['gcc', *flags, '-c', f'{HERE}/guest/{source}.c', '-o', f'{folder}/{source}.o'], check=True)
        subprocess.run(['nasm', '-f', 'elf32', f'{HERE}/guest/start.asm', '-o', f'{folder}/start.o'], check=True)
        subprocess.run(['ld', '-m', 'elf_i386', '-T', f'{HERE}/guest/kernel.ld', '-o', f'{folder}/bench.elf',
                        *(f'{folder}/{n}.o' for n in ('start', 'kernel', 'workloads'))],
                       check=True, stderr=subprocess.DEVNULL)
        subprocess.run(['objcopy', '-O', 'binary', f'{folder}/bench.elf', f'{folder}/bench.bin'], check=True)
        subprocess.run(['nasm', '-f', 'bin', f'{HERE}/guest/rom.asm', '-o', f'{folder}/rom.bin'], check=True, cwd=folder)
        with open(f'{folder}/bochs.commands', 'w') as f:
            f.write('c\n')

    def media(self, iterations):
        places = {'bochs_commands': f'{self.folder}/bochs.commands'}
        for key, name in (('bin', 'bench.bin'), ('rom', 'rom.bin')):
            data = open(f'{self.folder}/{name}', 'rb').read()
            at = data.index(b'BCF1') + 4
            mask = sum(1 << (ord(c) - ord('a')) for c in iterations)
            counts = [iterations.get(chr(ord('a') + n), 0) for n in range(32)]
            places[key] = f'{self.folder}/run.{name}'
            with open(places[key], 'wb') as f:
                f.write(data[:at] + struct.pack('<3I32I', mask, 1, 0, *counts) + data[at + 140:])
        places['bochsrc'] = f'{self.folder}/bochsrc'
        vga_bios = next((p for p in VGA_BIOS if os.path.exists(p)), VGA_BIOS[0])
        with open(places['bochsrc'], 'w') as f:
            f.write(f'config_interface: textconfig\ndisplay_library: sdl2\n'
                    f'romimage: file={places["rom"]}, address=0xffff0000\n'
                    f'vgaromimage: file={vga_bios}\nmegs: 16\n'
                    f'cpu: count=1, ips=100000000\nclock: sync=none\nport_e9_hack: enabled=1\n'
                    f'log: {self.folder}/bochs.log\npanic: action=fatal\nerror: action=ignore\n'
                    f'info: action=ignore\ndebug: action=ignore\n')
        return places


def cpu_seconds(pid):
    return time.clock_gettime((~pid << 3) | 2)  # the CPU-time clock of another process: see clock_getcpuclockid(3)


def status_kib(pid, field):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith(field + ':'):
            return int(line.split()[1])
    return 0


def run(command, image, iterations, timeout):
    """One run: CPU seconds and checksum of each workload, start-up time, memory."""
    result = {'workloads': {}}
    arguments = command.format(**image.media(iterations)).split()
    started = time.monotonic()
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    text, begun = b'', {}
    try:
        while select.select([process.stdout], [], [], timeout)[0]:
            chunk = os.read(process.stdout.fileno(), 4096)
            now, cpu = time.monotonic(), cpu_seconds(process.pid)
            if not chunk:
                break
            text += chunk
            *lines, text = text.split(b'\n')
            for line in (raw.decode('latin1').strip() for raw in lines):
                if line.endswith('R') and 'start' not in result:
                    result['start'] = now - started
                    result['private'] = status_kib(process.pid, 'RssAnon')
                    result['resident'] = status_kib(process.pid, 'VmHWM')
                elif len(line) == 2 and line[0] == 'S':
                    begun[line[1]] = cpu
                # Without a figure if both marks came in one piece, as happens on a crowded host.
                elif len(line) > 3 and line[0] == 'E' and cpu > begun.get(line[1], cpu):
                    fields = line.split()
                    n = int(fields[1], 16)
                    what = ALL[line[1]]
                    result['workloads'][line[1]] = {'n': n, 'seconds': cpu - begun[line[1]],
                                                    'right': n != what[1] or fields[2] == what[2]}
                elif line == 'Z':
                    return result
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return result


def value(letter, one):
    """MIPS of a compute workload, nanoseconds of an event."""
    _, n, _, count = ALL[letter]
    seconds = max(one['seconds'], 1e-9)
    if letter in EVENTS:
        return seconds / (one['n'] * count) * 1e9
    return count * one['n'] / n / seconds / 1e6


def table(runs, names, letters, title, faster):
    def median(name, letter):
        values = [value(letter, r['workloads'][letter]) for r in runs[name] if letter in r['workloads']]
        return statistics.median(values) if values else None

    print(f'\n{title}\n  {"":32}' + ''.join(f'{n:>12}' for n in names) + ''.join(f'{"x " + n:>12}' for n in names[1:]))
    ratios = {n: {} for n in names[1:]}
    for letter in letters:
        cells, first = '', median(names[0], letter)
        for name in names:
            m = median(name, letter)
            wrong = any(not r['workloads'].get(letter, {'right': True})['right'] for r in runs[name])
            cells += f'{"-" if m is None else f"{m:.1f}" + ("!" if wrong else ""):>12}'
        for name in names[1:]:
            other = median(name, letter)
            if first and other:
                ratios[name][letter] = first / other if faster == 'more' else other / first
                cells += f'{ratios[name][letter]:>11.2f}x'
            else:
                cells += f'{"-":>12}'
        print(f'  {letter} {ALL[letter][0]:30}{cells}')
    for name in names[1:]:
        chosen = [r for l, r in ratios[name].items() if faster == 'less' or l in GEOMEAN]
        if chosen:
            mean = math.exp(sum(map(math.log, chosen)) / len(chosen))
            what = 'geometric mean' + (f' of {"".join(l for l in letters if l in GEOMEAN)}' if faster == 'more' else '')
            print(f'  {what}: {names[0]} is {mean:.2f} x as fast as {name}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('ringside')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--workloads', default=''.join(sorted(ALL)))
    parser.add_argument('--only', default='ringside,qemu-tcg,bochs')
    parser.add_argument('--timeout', type=float, default=120)
    parser.add_argument('--json')
    options = parser.parse_args()
    emulators = {'ringside': options.ringside + ' run {bin} --console', 'qemu-tcg': QEMU, 'bochs': BOCHS}
    tool = {'qemu-tcg': 'qemu-system-i386', 'bochs': 'bochs'}
    names = [n for n in options.only.split(',') if n not in tool or shutil.which(tool[n])]
    letters = [l for l in sorted(ALL) if l in options.workloads]
    runs = {n: [] for n in names}
    floor = []
    with tempfile.TemporaryDirectory() as folder:
        image = Image(folder)
        for n in range(options.rounds):
            floor.append(run('echo R', image, {}, options.timeout))
            for name in names:
                less = {l: SLOWER.get((name, l), SLOWER.get(name, 1)) for l in letters}
                iterations = {l: max(1, ALL[l][1] // less[l]) for l in letters}
                runs[name].append(run(emulators[name], image, iterations, options.timeout))
                if sys.stderr.isatty():
                    print(f'round {n + 1} of {options.rounds}: {name} done', file=sys.stderr)
    compute, events = [l for l in letters if l in COMPUTE], [l for l in letters if l in EVENTS]
    if compute:
        table(runs, names, compute, 'Guest instructions, million a second of CPU time', 'more')
    if events:
        table(runs, names, events, 'System events, nanoseconds of CPU time each', 'less')
    print('\nStart to the first byte that the guest prints, and memory then\n'
          f'  {"":32}{"ms":>12}{"private MiB":>14}{"resident MiB":>14}')
    for name in names:
        started = [r for r in runs[name] if 'start' in r]
        if not started:
            print(f'  {name:32}  did not run the image here')
            continue
        ms, private, resident = (statistics.median(r[k] for r in started) for k in ('start', 'private', 'resident'))
        print(f'  {name:32}{ms * 1e3:12.1f}{private / 1024:14.1f}{resident / 1024:14.1f}')
    print(f'  {"starting any program (echo)":32}{statistics.median(r["start"] for r in floor) * 1e3:12.1f}')
    if options.json:
        with open(options.json, 'w') as f:
            json.dump(runs, f)


if __name__ == '__main__':
    main()
