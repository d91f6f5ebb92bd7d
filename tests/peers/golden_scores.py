#!/usr/bin/env python3
"""Writes tests/golden/scores.tsv: sentences with the scores that sacrebleu gives them. Needs sacrebleu.

    golden_scores.py > tests/golden/scores.tsv

Columns: hypothesis, reference, BLEU and chrF++ of the sentence as a corpus of one. The last row is the whole corpus.
"""
import random

from sacrebleu.metrics import BLEU, CHRF

CASES = [
    ('the cat sat on the mat .', 'the cat sat on the mat .'),
    ('The cat sat on the mat.', 'The cat is sitting on the mat.'),
    ('', 'The cat sat on the mat.'),
    ('The cat sat on the mat.', ''),
    ('', ''),
    ('a', 'a'),
    ('a b', 'a b'),
    ('a b c', 'a b c d'),
    ('one two three four', 'four three two one'),
    ('nothing at all is the same here', 'completely other words stand there instead'),
    ('the the the the the the the', 'the cat is on the mat'),
    ('Open the “File” menu – then click “Save As…”.', 'Open the "File" menu - then click "Save As...".'),
    ('It costs $1,234.56 (about 1.5-2 times more), e.g. in the U.S.', 'It costs 1,234.56 dollars (1.5-2 times as much), e.g. in the U.S.A.'),
    ('1990-2000, 3.14, 1,000 and .5', '1990-2000, 3.14, 1,000 and .5'),
    ('Ünïcödé wörds and 漢字かな交じり文 are Привет мир', 'Ünïcode wörds and 漢字かな文 are Привет, мир'),
    ('emoji 👍🏽 and e\u0301 combining', 'emoji 👍 and é combining'),
    ('tabs\tand\u00a0odd\u3000spaces', 'tabs and odd spaces'),
    ('&lt;b&gt; R&amp;D &quot;quoted&quot; &apos;', '<b> R&D "quoted" \''),
    ("don't can't it's the dogs' bone", "do not can not it's the dog's bone"),
    ('a/b c_d e+f g=h [i] {j} <k> ~l ^m `n |o \\p @q #r %s', 'a/b c_d e+f g=h [i] {j} <k> ~l ^m `n |o \\p @q #r %t'),
    ('...,,,...', '...,,,'),
    ('x.y.z,1.,2 3., .4', 'x.y.z,1.,2 3., .4 5'),
    ('-5 - 5-5 a-b 5-a', '-5 - 5-5 a-b 5-a -'),
    ('(brackets) [and] "quotes," ending!', '(brackets) [and] "quotes", ending?'),
    ('This is a longer hypothesis that goes on and on for much longer than its reference does', 'This is a longer reference'),
    ('short', 'This is a much longer reference than the hypothesis'),
]


def shuffled():
    """Sentences of a small vocabulary, so that n-grams match and repeat."""
    rng = random.Random(7)
    words = 'the cat sat on a mat , and . saw "dog" it\'s 3.5 well-known Ärger'.split()
    for _ in range(60):
        reference = [rng.choice(words) for _ in range(rng.randint(1, 18))]
        hypothesis = [w if rng.random() < 0.75 else rng.choice(words) for w in reference if rng.random() < 0.9]
        yield ' '.join(hypothesis), ' '.join(reference)


def scores(hypotheses, references):
    bleu = BLEU().corpus_score(hypotheses, [references]).score
    chrf = CHRF(word_order=2).corpus_score(hypotheses, [references]).score
    return f'{bleu:.9f}\t{chrf:.9f}'


def escaped(text):
    return text.replace('\\', '\\\\').replace('\t', '\\t')


cases = CASES + list(shuffled())
for hypothesis, reference in cases:
    print(f'{escaped(hypothesis)}\t{escaped(reference)}\t{scores([hypothesis], [reference])}')
print('\t\t' + scores(*map(list, zip(*cases))))
