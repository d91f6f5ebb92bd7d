#!/usr/bin/env python3
"""Makes examples/corpus, the small text that comes with gshard, of a corpus that was fetched. Needs zstd.

    gshard corpus fetch --languages de,es,fr,it,nl,pl,ru,tr --sources lo,lohelp,firefox -o corpus
    scripts/make_example_corpus.py corpus examples/corpus

Only sources under MPL-2.0 may go in. English sentences are taken by a hash, each in all languages that have it, until
the compressed text is about 2 MB; dev and test keep the split of the corpus.
"""
import hashlib
import subprocess
import sys

SOURCES = {'lo', 'lohelp', 'firefox'}
SHARE = {'train': 0.2, 'dev': 0.3, 'test': 0.6}  # of the English sentences
MOST_WORDS = 30


def place(english):
    return int.from_bytes(hashlib.sha256(english.encode()).digest()[:8], 'big') / 2**64


def rows_of(path, share):
    with open(path, encoding='utf-8') as file:
        for line in file:
            columns = line.rstrip('\n').split('\t')
            if columns[4] not in SOURCES:
                raise SystemExit(f'{path}: text of {columns[4]} must not go into the example')
            if place(columns[3]) < share and len(columns[3].split()) <= MOST_WORDS:
                yield columns


def main():
    corpus, out = sys.argv[1:]
    for part, share in SHARE.items():
        # English sentences stand together, which compresses well, in an order that has nothing to do with them.
        rows = sorted(rows_of(f'{corpus}/{part}.tsv', share), key=lambda row: (place(row[3]), row))
        text = ''.join('\t'.join(row) + '\n' for row in rows)
        subprocess.run(['zstd', '-q', '-f', '--ultra', '-22', '-o', f'{out}/{part}.tsv.zst'], input=text.encode(), check=True)
        print(f'{part}: {len(rows)} rows, {len(text)} bytes')


if __name__ == '__main__':
    main()
