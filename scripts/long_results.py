#!/usr/bin/env python3
"""Tables and a picture of what scripts/long_runs.sh trained.

    long_results.py DIR       # the folder of the runs: GSHARD_RUNS_DIR of that script

Reads DIR/NAME/scores/scores.json and DIR/NAME/metrics.jsonl of the runs that are there, and writes

    DIR/results.md            scores by language and by source, how they grew, and beside shorter and bilingual runs
    DIR/long_run.svg          dev BLEU by minutes of training, for the languages with most text, least, and between
"""
import argparse
import json
import os
import statistics

from line_chart import line_chart
from run_files import records_of, target_tokens, write

LONG = 'm4-small'
PROSE = ('ddtp', 'lohelp', 'wesnoth')  # sources whose sentences are more than labels and messages
THIRDS = ('most text', 'between', 'least text')
MARKS = 8  # rows of the table of how scores grew


class Run:
    def __init__(self, folder):
        self.name = os.path.basename(folder)
        with open(folder + '/scores/scores.json', encoding='utf-8') as file:
            self.scores = json.load(file)
        records = records_of(folder)
        self.steps = [record for record in records if record['kind'] == 'step']
        self.evaluations = [record for record in records if record['kind'] == 'evaluation' and 'bleu' in record]

    def direction(self, language):
        found = [scores for scores in self.scores['directions'] if scores['name'] == language + '-en']
        return found[0] if found else None

    def minutes(self):
        return self.steps[-1]['seconds'] / 60

    def tokens(self):
        return target_tokens(self.steps)


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '| --- |' + ' ---: |' * (len(head) - 1)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows]) + '\n'


def score(scores, system, metric):
    return scores[system][metric]['score']


def with_interval(value):
    return f"{value['score']:.1f} [{value['low']:.1f}, {value['high']:.1f}]"


HEAD = ['rows', 'BLEU', 'chrF++', 'copy BLEU', 'chrF++', 'nearest BLEU', 'chrF++']


def cells(scores):
    row = [f"{scores['rows']:,}", with_interval(scores['model']['bleu']), with_interval(scores['model']['chrf'])]
    for system in ('copy', 'nearest'):
        row += [f"{score(scores, system, 'bleu'):.1f}", f"{score(scores, system, 'chrf'):.1f}"]
    return row


# ---------------------------------------------------------------- the long run

def by_text(run):
    return sorted(run.scores['directions'], key=lambda scores: -scores['training_pairs'])


def losses(groups, ours, theirs):
    """The names of the groups in which `theirs` (system, metric) is at least `ours`."""
    return [group['name'] for group in groups if score(group, *theirs) >= score(group, *ours)]


def in_words(names):
    return 'none' if not names else ', '.join(names)


def verdicts(run):
    directions, origins = run.scores['directions'], run.scores['origins']
    behind_copy = losses(directions, ('model', 'chrf'), ('copy', 'chrf'))
    behind_nearest = losses(directions, ('model', 'bleu'), ('nearest', 'bleu'))
    prose = [origin for origin in origins if origin['name'] in PROSE]
    lines = [f'It is ahead of the copied source in chrF++ in {len(directions) - len(behind_copy)} of {len(directions)} '
             f'languages (behind in: {in_words(behind_copy)}), and of the nearest training sentence in BLEU in '
             f'{len(directions) - len(behind_nearest)} (behind in: {in_words(behind_nearest)}).']
    if prose:
        means = [statistics.mean(score(origin, system, 'bleu') for origin in prose) for system in ('model', 'nearest')]
        names = ', '.join(origin['name'] for origin in prose)
        lines.append(f'Over the sources of prose ({names}) its mean BLEU is {means[0]:.1f}, that of the nearest sentence '
                     f'{means[1]:.1f}; by source it is behind the nearest sentence in: '
                     f"{in_words(losses(origins, ('model', 'bleu'), ('nearest', 'bleu')))}.")
    return '\n'.join(lines) + '\n'


def thirds_of(record):
    """Mean BLEU of an evaluation's languages, by how much text they have."""
    ranked = sorted((of for of in record['languages'] if 'bleu' in of), key=lambda of: -of['training_pairs'])
    size = len(ranked) / len(THIRDS)
    parts = [ranked[round(i * size):round((i + 1) * size)] for i in range(len(THIRDS))]
    return [statistics.mean(of['bleu'] for of in part) if part else float('nan') for part in parts]


def growth(run):
    step = max(1, len(run.evaluations) // MARKS)
    shown = run.evaluations[::-1][::step][::-1]
    rows = [[f"{record['seconds'] / 60:.0f}", f"{record['step']:,}", f"{record['loss']:.3f}", f"{record['bleu']:.1f}",
             f"{record['chrf']:.1f}", *[f'{bleu:.1f}' for bleu in thirds_of(record)]] for record in shown]
    return table(['minutes', 'steps', 'dev loss', 'dev BLEU', 'chrF++', *THIRDS], rows)


def picture_of(run):
    curves = {f'languages with {name}' if name != 'between' else 'those between': [] for name in THIRDS}
    for record in run.evaluations:
        for curve, bleu in zip(curves.values(), thirds_of(record)):
            curve.append((record['seconds'] / 60, bleu, bleu, bleu))
    return line_chart('Dev BLEU by minutes of training', curves, legend_left=True)


def long_run(run):
    mean, thirds = run.scores['mean'], run.scores['thirds']
    text = [f'# {len(run.scores["directions"])} languages to English in {run.minutes():.0f} minutes\n',
            f"{run.steps[-1]['step']:,} steps, {run.tokens() / 1e6:.1f} M target tokens, dev loss "
            f"{run.evaluations[-1]['loss']:.3f}. Scores are of text that is held out; these figures compare runs on this text "
            'only, never with WMT or FLORES.\n', verdicts(run),
            '## By language, most training text first\n',
            table(['language', 'training pairs', *HEAD],
                  [[of['name'], f"{of['training_pairs']:,}", *cells(of)] for of in by_text(run)] +
                  [['mean', '', *cells(mean)]]),
            '## By source\n', table(['source', *HEAD], [[of['name'], *cells(of)] for of in run.scores['origins']])]
    if thirds:
        text += [f"## Much and little text, on the sentences that {thirds['least_directions']} languages and more have\n",
                 table(['languages with', *HEAD], [[of['name'], *cells(of)] for of in thirds['groups']])]
    return text + ['## How it grew\n', growth(run), '![dev BLEU by minutes](long_run.svg)\n']


# ---------------------------------------------------------------- beside it

def beside(runs):
    """The pairs that have a model of their own, by all models that translate them."""
    several = [run for run in runs if len(run.scores['directions']) > 1]
    rows = []
    for own in [run for run in runs if len(run.scores['directions']) == 1]:
        language = own.scores['directions'][0]['name'].split('-')[0]
        for run in [own] + several:
            of = run.direction(language)
            if of:
                rows.append([language, run.name, f"{of['training_pairs']:,}", f'{run.minutes():.0f}',
                             with_interval(of['model']['bleu']), with_interval(of['model']['chrf'])])
    if not rows:
        return []
    short = [f"`{run.name}` has a mean BLEU of {score(run.scores['mean'], 'model', 'bleu'):.1f} over its "
             f"{len(run.scores['directions'])} languages after {run.tokens() / 1e6:.1f} M target tokens."
             for run in several if run.name != LONG]
    return ['## One pair at a time\n',
            'Models of one size (`small.toml`) trained for the same time, on one pair alone and on all languages, beside the '
            'long run. ' + ' '.join(short) + '\n',
            table(['language', 'run', 'training pairs', 'minutes', 'BLEU', 'chrF++'], rows)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder')
    folder = parser.parse_args().folder
    names = sorted(name for name in os.listdir(folder) if os.path.exists(f'{folder}/{name}/scores/scores.json'))
    if LONG not in names:
        parser.error(f'{folder} has no {LONG}/scores/scores.json: scripts/long_runs.sh makes it')
    runs = [Run(f'{folder}/{name}') for name in names]
    run = next(run for run in runs if run.name == LONG)
    write(folder + '/results.md', '\n'.join(long_run(run) + beside(runs)))
    if picture := picture_of(run):
        write(folder + '/long_run.svg', picture)


if __name__ == '__main__':
    main()
