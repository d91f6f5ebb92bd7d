"""The files of a run, as the scripts that compare runs read and write them."""
import json
import os


def records_of(folder):
    """What the metrics of a run say, without a line that is being written; nothing where there are none."""
    path = folder + '/metrics.jsonl'
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file if line.endswith('\n')]


def target_tokens(steps):
    """Of the records of steps together."""
    return sum(record['target_tokens'] for record in steps)


def write(path, text):
    """Writes beside, then renames: what stands under the name is whole."""
    with open(path + '.partial', 'w', encoding='utf-8') as file:
        file.write(text)
    os.replace(path + '.partial', path)
    print('written: ' + path)
