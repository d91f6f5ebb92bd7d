#!/usr/bin/env python3
"""Trains a mixture-of-experts model and its dense twin on the same data, and writes what came out.

    compare_runs.py WORK --corpus corpus --moe examples/configs/demo.toml --dense examples/configs/demo-dense.toml

Each model is trained with several seeds, once for an equal number of target tokens and once for equal minutes of training.
What was interrupted goes on when the same command is run again, and runs that are done are not run again: on two cores
3 seeds of 3 M tokens take some hours. Writes

    WORK/tokens-moe-1 ...     the runs, as `gshard train` makes them; WORK/NAME.log what each said
    WORK/results.md           the tables
    WORK/dev_loss.svg         dev loss by target tokens, the mean over the seeds and where they lie

and with --only-tables these alone, from what there is. `gshard` is the one of PATH, or of build/.
"""
import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys

from line_chart import line_chart
from run_files import records_of, target_tokens, write

MODELS = ('moe', 'dense')
NAMES = {'moe': 'mixture of experts', 'dense': 'dense twin'}
BUDGETS = {'tokens': 'an equal number of steps', 'minutes': 'equal time'}


class Run:
    """One training, and what its metrics say."""

    def __init__(self, work, budget, model, seed):
        self.budget, self.model, self.seed = budget, model, seed
        self.folder = f'{work}/{budget}-{model}-{seed}'
        self.steps, self.evaluations = [], []

    def read(self):
        records = records_of(self.folder)
        self.steps = [record for record in records if record['kind'] == 'step']
        self.evaluations = [record for record in records if record['kind'] == 'evaluation' and 'loss' in record]
        return self

    def is_done(self):
        return bool(self.steps and self.evaluations) and self.steps[-1].get('done', 0) >= 1

    def curve(self):
        """[(target tokens, dev loss)]."""
        tokens, seen, total = {}, [], 0
        for record in self.steps:
            total += record['target_tokens']
            tokens[record['step']] = total
        for record in self.evaluations:
            before = [step for step in tokens if step <= record['step']]
            seen.append((tokens[max(before)] if before else 0, record['loss']))
        return seen

    def tokens(self):
        return target_tokens(self.steps)


def command_of(run, args):
    config = args.moe if run.model == 'moe' else args.dense
    budget = {'tokens': f'stop.tokens={args.tokens}', 'minutes': f'stop.minutes={args.minutes}'}[run.budget]
    return [args.gshard, 'train', config, f'corpus={args.corpus}', f'output={run.folder}', f'seed={run.seed}',
            'stop.steps=0', 'stop.tokens=0', 'stop.minutes=0', budget, *args.setting]


def start(run, args, cores):
    words = command_of(run, args)
    print('$ ' + ' '.join(words), flush=True)
    with open(run.folder + '.log', 'a', encoding='utf-8') as log:
        return subprocess.Popen(words, stdout=log, stderr=log, preexec_fn=lambda: os.sched_setaffinity(0, cores))


def train(runs, args):
    """A model and its twin one after another, or, with --pairs, at once with half of the cores each: what else the
    machine does then slows both."""
    cores = sorted(os.sched_getaffinity(0))
    if args.pairs and len(cores) < 2:
        sys.exit('error: --pairs wants two cores or more')
    shares = [cores[:len(cores) // 2], cores[len(cores) // 2:]] if args.pairs else [cores]
    missing = [run for run in runs if not run.read().is_done()]
    while missing:
        batch, missing = missing[:len(shares)], missing[len(shares):]
        started = [(run, start(run, args, share)) for run, share in zip(batch, shares)]
        for run, code in [(run, process.wait()) for run, process in started]:
            if code != 0:
                sys.exit(f'error: it ended with {code}; {run.folder}.log says why. Run this again to go on')


# ---------------------------------------------------------------- tables

def mean_and_spread(values):
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return statistics.mean(values), spread


def table_of(runs, budget):
    """One row a model: what it took and its last dev loss by seed."""
    seeds = sorted({run.seed for run in runs})
    lines = ['| model | target tokens | minutes | ' + ' | '.join(f'seed {seed}' for seed in seeds) + ' | mean | spread |',
             '| --- | --- | --- | ' + ' | '.join('---' for _ in seeds) + ' | --- | --- |']
    losses = {}
    for model in MODELS:
        done = [run for run in runs if run.model == model and run.budget == budget and run.is_done()]
        if not done:
            continue
        losses[model] = [run.evaluations[-1]['loss'] for run in done]
        by_seed = {run.seed: run.evaluations[-1]['loss'] for run in done}
        mean, spread = mean_and_spread(losses[model])
        cells = [NAMES[model], f'{statistics.mean(run.tokens() for run in done) / 1e6:.2f} M',
                 f'{statistics.mean(run.steps[-1]["seconds"] for run in done) / 60:.1f}']
        cells += [f'{by_seed[seed]:.3f}' if seed in by_seed else '' for seed in seeds]
        lines.append('| ' + ' | '.join(cells + [f'{mean:.3f}', f'{spread:.3f}']) + ' |')
    return '\n'.join(lines) + '\n\n' + verdict(losses)


def verdict(losses):
    if len(losses) < 2 or min(len(values) for values in losses.values()) < 2:
        return 'Too few runs are done to compare them.\n'
    moe, dense = mean_and_spread(losses['moe']), mean_and_spread(losses['dense'])
    difference, spread = dense[0] - moe[0], max(moe[1], dense[1])
    winner = 'The mixture of experts' if difference > 0 else 'The dense twin'
    size = 'larger' if abs(difference) > spread else 'not larger'
    return f'{winner} has the lower dev loss, by {abs(difference):.3f} nats a token: {size} than the spread of the seeds ({spread:.3f}).\n'


def results_of(runs, args):
    text = ['# Mixture of experts beside its dense twin\n',
            f'Configs `{os.path.basename(args.moe)}` and `{os.path.basename(args.dense)}`, the same order of data. Dev loss in '
            'nats a target token after the last step; the spread is the standard deviation over the seeds.\n']
    for budget, title in BUDGETS.items():
        text += [f'## At {title}\n', table_of(runs, budget)]
    return '\n'.join(text) + '\n![dev loss by target tokens](dev_loss.svg)\n'


# ---------------------------------------------------------------- picture

def picture_of(runs):
    """Lines of the mean over seeds, on bands from the lowest to the highest."""
    curves = {NAMES[model]: mean_curve([run.curve() for run in runs if run.model == model and run.budget == 'tokens'])
              for model in MODELS}
    return line_chart('Dev loss in nats a token, by millions of target tokens', curves, x_text='{:.1f}', y_text='{:.2f}')


def mean_curve(curves):
    """[(millions of tokens, mean, lowest, highest)] over the evaluations that all of the curves have."""
    found = []
    for points in zip(*[curve for curve in curves if curve]):
        losses = [loss for _, loss in points if math.isfinite(loss)]
        if losses:
            found.append((statistics.mean(p[0] for p in points) / 1e6, statistics.mean(losses), min(losses), max(losses)))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('work')
    parser.add_argument('--corpus', default='corpus')
    parser.add_argument('--moe', required=True, help='the config of the mixture')
    parser.add_argument('--dense', required=True, help='and of its twin')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--tokens', type=int, default=3_000_000, help='target tokens of a run at equal steps')
    parser.add_argument('--minutes', type=float, default=20, help='of a run at equal time')
    parser.add_argument('--pairs', action='store_true', help='train a model and its twin at once, each on half of the cores')
    parser.add_argument('--setting', action='append', default=[], help='KEY=VALUE for all runs')
    parser.add_argument('--only-tables', action='store_true')
    args = parser.parse_args()
    args.gshard = shutil.which('gshard') or os.path.join(os.path.dirname(__file__), '../build/gshard')
    os.makedirs(args.work, exist_ok=True)
    # One budget after the other and each by seed, so that an early end leaves something to compare.
    runs = [Run(args.work, budget, model, seed)
            for budget in BUDGETS for seed in range(1, args.seeds + 1) for model in MODELS]
    if not args.only_tables:
        train(runs, args)
    for run in runs:
        run.read()
    write(args.work + '/results.md', results_of(runs, args))
    if picture := picture_of(runs):
        write(args.work + '/dev_loss.svg', picture)


if __name__ == '__main__':
    main()
