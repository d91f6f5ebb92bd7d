#!/usr/bin/env python3
"""How much of the speed of a train step alone a whole training reaches.

    bench/train_beside_step.py build/gshard examples/configs/demo.toml corpus=corpus --steps 60 --rounds 3

Each round trains for some steps with `gshard train` and then times the same step with `gshard bench`, on made-up
arguments, so that both meet the same load of the machine. Printed for each round, and as the median of all: the time of
a step within the training, and the share of the step alone in it. "all in all" has evaluations and checkpoints in it,
which the settings evaluate.every and checkpoint.minutes space out; the aim is 65 %.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile


def records_of(path, kind):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [record for record in records if record['kind'] == kind]


def time_of_training(gshard, settings, steps, folder):
    """(milliseconds of a step, milliseconds of a step all in all), without the first record, whose steps are slower."""
    subprocess.run([gshard, 'train', *settings, f'stop.steps={steps}', f'output={folder}', '--quiet'], check=True,
                   stdout=subprocess.DEVNULL)
    records = records_of(folder / 'metrics.jsonl', 'step')
    first, later = records[0], records[1:]
    if not later:
        raise SystemExit('too few steps: metrics.jsonl has one record of them')
    count = sum(record['steps'] for record in later)
    steps_alone = sum(record['milliseconds'] * record['steps'] for record in later) / count
    return steps_alone, 1000 * (later[-1]['seconds'] - first['seconds']) / count


def time_of_step(gshard, module, devices, repeat):
    words = [gshard, 'bench', str(module), '--json', '--repeat', str(repeat)]
    if devices > 1:
        words += ['--devices', str(devices)]
    return 1000 * json.loads(subprocess.check_output(words))['median_seconds']


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('gshard')
    parser.add_argument('settings', nargs='+', metavar='CONFIG [KEY=VALUE ...]')
    parser.add_argument('--steps', type=int, default=60)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    resolved = dict(setting.split('=', 1) for setting in args.settings[1:])
    devices, parts = int(resolved.get('devices', 1)), int(resolved.get('batch.micro_batches', 1))
    shares = []
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        module = work / 'step.hlo'
        subprocess.run([args.gshard, 'train', *args.settings, '--dry-run', '--hlo', str(module)], check=True,
                       stdout=subprocess.DEVNULL)
        for number in range(args.rounds):
            step, whole = time_of_training(args.gshard, args.settings, args.steps, work / f'run{number}')
            alone = parts * time_of_step(args.gshard, module, devices, max(args.steps // parts // 4, 3))
            shares.append((alone / step, alone / whole))
            print(f'round {number + 1}: the step alone {alone:.1f} ms, in training {step:.1f} ms '
                  f'({100 * alone / step:.0f} %), all in all {whole:.1f} ms ({100 * alone / whole:.0f} %)', flush=True)
    steps, wholes = zip(*shares)
    print(f'median: steps reach {100 * statistics.median(steps):.0f} % of the speed of the step alone, '
          f'all in all {100 * statistics.median(wholes):.0f} %')


if __name__ == '__main__':
    main()
