#!/usr/bin/env python3
"""Fetches human translations out of Debian packages as rows of text; what `gshard corpus fetch` runs.

    fetch_corpus.py WORK --languages de,it --sources lo,firefox

Needs Python 3.9, apt (apt-get, apt-cache) and dpkg-deb; no root, no other package. All state of apt is under WORK, and
nothing is installed. Writes WORK/raw/PACKAGE.tsv with the columns

    language  en  text  English  origin  document

and WORK/packages.json with what each package gave. A package that was done stays done: run it again to go on.

Sources, by the names of their packages (any version):
    lo        libreoffice-l10n-XX     interface strings                        MPL-2.0
    lohelp    libreoffice-help-XX     manual pages                             MPL-2.0
    firefox   firefox-esr-l10n-XX     interface sentences                      MPL-2.0
    wesnoth   wesnoth-1.*             fiction and dialogue                     GPL-2+
    ddtp      Translation-XX of apt   descriptions of packages                 each package's own

Exit codes: 0 done; 1 a failure in the middle (run again); 2 wrong usage; 10 no apt; 11 nothing can be downloaded.
"""
import argparse
import collections
import concurrent.futures
import functools
import hashlib
import html
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile

LICENCES = {'lo': 'MPL-2.0', 'lohelp': 'MPL-2.0', 'firefox': 'MPL-2.0', 'wesnoth': 'GPL-2+',
            'ddtp': 'that of each described package'}
PATTERNS = {'lo': r'libreoffice-l10n-(.+)', 'lohelp': r'libreoffice-help-(.+)', 'firefox': r'firefox-esr-l10n-(.+)',
            'wesnoth': r'wesnoth-1\.\d+-(.+)'}
PREFIXES = {'lo': 'libreoffice-l10n-', 'lohelp': 'libreoffice-help-', 'firefox': 'firefox-esr-l10n-', 'wesnoth': 'wesnoth-1'}
NO_TEXT = {'common', 'all', 'core', 'server', 'music', 'dbg', 'tools'}  # parts that are no language or campaign
LISTS_LAST_S = 24 * 3600

# ---------------------------------------------------------------- languages

SAME = {'no': 'nb', 'iw': 'he', 'in': 'id', 'zh': 'zh_CN', 'zh_Hans': 'zh_CN', 'zh_Hant': 'zh_TW', 'zh_HK': 'zh_TW',
        'zh_SG': 'zh_CN', 'gug': 'gn', 'kmr': 'ku', 'ku_IQ': 'ckb', 'mo': 'ro', 'hye': 'hy', 'fil': 'tl', 'az_IR': 'azb'}
REGIONAL = {'pt_BR', 'zh_CN', 'zh_TW'}


def language_of(code):
    """The language of a locale's name as packages spell it, or None for English, other scripts and dialects."""
    name = code.replace('-', '_')
    if '_' in name:
        head, tail = name.split('_', 1)
        name = head + '_' + (tail.upper() if len(tail) == 2 else tail)
    if name.split('_')[0].split('@')[0] in ('en', 'C', 'x', 'qqq', 'templates'):
        return None
    if 'valencia' in name or '@' in name and not name.endswith('@euro'):
        return None
    name = name.split('@')[0]
    if name in SAME or name in REGIONAL:
        return SAME.get(name, name)
    if re.search(r'_[A-Z][a-z]{3}$', name):  # another script of the language
        return None
    name = name.split('_')[0]
    return SAME.get(name, name)


# ---------------------------------------------------------------- cleaning what only these packages have

TAG = re.compile(r'</?[A-Za-z][^<>]*>|<!--.*?-->')
BRACKETED_KEY = re.compile(r'\s*[(（\[][~_&]\s?\w[)）\]]')
ACCELERATOR = re.compile(r'[~_&](?=\w)')
PLACEHOLDER = re.compile(
    r'%[-+ #0]*\d*(?:\.\d+)?\$?[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|L|q|j|z|t)?[sdifuxXcgGeEop]\b|%\d+\$?[a-zA-Z]?|%n|%[A-Z]{3,}'
    r'|%\(\w+\)[sdif]|\$\{[^}]*\}|\{[^{}]*\}|\$\(\w+\)|\$\w+\|?|@\w+@|#\w+#|&\w+;')


def without_accelerator(text):
    """'~File' and 'Save _As' have one letter that a key chooses; 'CONST_NAME' and 'R&D' have none."""
    def repl(match):
        before, after = text[:match.start()][-1:], text[match.end():match.end() + 1]
        is_name = match.group() == '_' and before.isupper() and after.isupper()
        return match.group() if before.isdigit() or is_name else ''
    marks = ACCELERATOR.findall(text)
    return ACCELERATOR.sub(repl, text) if len(marks) == 1 and len(text) <= 90 else text


def plain(text):
    """The sentence without markup, entities and accelerators."""
    text = BRACKETED_KEY.sub('', text)
    for _ in range(2):
        if '&' in text:
            text = html.unescape(text)
    text = TAG.sub(' ', text) if '<' in text else text
    text = without_accelerator(text).replace('%PRODUCTNAME', 'LibreOffice')
    return ' '.join(unicodedata.normalize('NFC', text).split())


def placeholders(text):
    return collections.Counter(found.strip() for found in PLACEHOLDER.findall(text))


def is_row(text, english):
    if not text or not english or text == english:
        return False
    wanted = placeholders(english)
    return placeholders(text) == wanted and sum(wanted.values()) <= 2


class Rows:
    """Collects the rows of one package and counts what is left out."""

    def __init__(self, origin):
        self.origin, self.lines, self.dropped = origin, [], 0

    def add(self, language, text, english, document=''):
        text, english = plain(text), plain(english)
        if is_row(text, english):
            self.lines.append('\t'.join((language, 'en', text, english, self.origin, document)))
        else:
            self.dropped += 1


# ---------------------------------------------------------------- formats

def messages_of_mo(data):
    """(context, English, translation) of a compiled gettext catalogue; of plurals the first and the last form."""
    if len(data) < 28:
        return
    order = {b'\xde\x12\x04\x95': '<', b'\x95\x04\x12\xde': '>'}.get(data[:4])
    if order is None:
        return
    count, keys_at, values_at = struct.unpack(order + 'III', data[8:20])
    for i in range(count):
        size, at = struct.unpack_from(order + 'II', data, keys_at + 8 * i)
        key = data[at:at + size]
        size, at = struct.unpack_from(order + 'II', data, values_at + 8 * i)
        if not key:
            continue
        try:
            key, value = key.decode('utf-8'), data[at:at + size].decode('utf-8')
        except UnicodeDecodeError:
            continue
        context, _, english = key.rpartition('\x04')
        forms, translated = english.split('\0'), value.split('\0')
        if len(forms) == 1 or len(translated) > 1:
            yield context, forms[0], translated[0]
        if len(forms) > 1:
            yield context, forms[-1], translated[-1]


NOT_SHOWN = {'accesskey', 'key', 'style', 'aria-keyshortcuts'}


def messages_of_fluent(text):
    """{id: value} of a Fluent file, without selections and keys."""
    found, name, owner, lines = {}, None, None, []

    def put():
        value = ' '.join(line.strip() for line in lines if line.strip())
        if name and value and '->' not in value:
            found[name] = value
    for line in text.split('\n'):
        message = re.match(r'^(-?[A-Za-z][\w-]*)\s*=\s*(.*)$', line)
        attribute = re.match(r'^\s+\.([A-Za-z][\w-]*)\s*=\s*(.*)$', line)
        if line.startswith('#'):
            continue
        if message:
            put()
            name = owner = message.group(1)
            lines = [message.group(2)]
        elif attribute and owner:
            put()
            name = None if attribute.group(1) in NOT_SHOWN else owner + '.' + attribute.group(1)
            lines = [attribute.group(2)]
        elif line.startswith((' ', '}')) or not line.strip():
            lines.append(line)
        else:
            put()
            name, owner, lines = None, None, []
    put()
    return found


def messages_of_properties(text):
    found = {}
    for line in re.sub(r'\\\n\s*', '', text).split('\n'):
        match = re.match(r'^([^#!\s=][^=]*?)\s*=\s*(.*)$', line)
        if match and not re.search(r'[kK]ey$|\.width|\.height', match.group(1)):
            found[match.group(1)] = match.group(2).replace('\\n', ' ').replace('\\u2026', '…')
    return found


BRANDS = {'-brand-short-name': 'Firefox', '-brand-full-name': 'Mozilla Firefox', '-brand-product-name': 'Firefox',
          '-brand-shorter-name': 'Firefox', '-vendor-short-name': 'Mozilla'}


def fluent_text(value):
    """Names of brands in place of references, one spelling for variables."""
    value = re.sub(r'\{\s*"([^"]*)"\s*\}', r'\1', value)
    value = re.sub(r'\{\s*(-[\w-]+)(?:\([^)]*\))?\s*\}',
                   lambda m: BRANDS.get(m.group(1), m.group(1).strip('-').replace('-brand-name', '').replace('-', ' ').title()),
                   value)
    return re.sub(r'\{\s*\$?([\w-]+)\s*\}', r'{\1}', value)


def messages_of_langpack(data):
    """{(file, id): value} of a Firefox language pack, which is a zip."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        for name in pack.namelist():
            reader = messages_of_fluent if name.endswith('.ftl') else messages_of_properties if name.endswith('.properties') else None
            if reader is None:
                continue
            file = re.sub(r'^(browser/)?(localization|chrome)/[^/]+/(locale/[^/]+/)?', r'\1', name)
            for key, value in reader(pack.read(name).decode('utf-8', 'replace')).items():
                found[file + '\n' + key] = fluent_text(value)
    return found


PARAGRAPH = re.compile(r'<(p|h[1-6])\b[^>]*\bid="((?:par|hd|tit)_[^"]+)"[^>]*>(.*?)</\1>', re.S)


def paragraphs_of_help(page):
    found = {}
    for match in PARAGRAPH.finditer(page):
        text = html.unescape(re.sub(r'<[^>]+>', '', match.group(3)))
        text = ' '.join(text.split())
        if text:
            found.setdefault(match.group(2), text)
    return found


BULLET = re.compile(r'^([*+o•-]|--|\d+[.)])\s+')


def paragraphs_of_description(lines):
    """Flowing text and items of lists of a package's long description, each as one paragraph."""
    found, current = [], []

    def flush():
        if current:
            found.append(' '.join(current))
            current.clear()
    for line in lines:
        stripped = line.strip()
        if stripped == '.':
            flush()
        elif line.startswith(' '):  # an item, or text that is to stay as it is
            if BULLET.match(stripped):
                flush()
                current.append(stripped)
            elif current and BULLET.match(current[0]):
                current.append(stripped)
            else:
                flush()
                found.append(stripped)
        else:
            if current and BULLET.match(current[0]):
                flush()
            current.append(stripped)
    flush()
    return found


def descriptions_of(path):
    """{checksum of the English: (package, short, [paragraphs])} of a Translation index of apt."""
    text = subprocess.run(['/usr/lib/apt/apt-helper', 'cat-file', path], capture_output=True, check=True).stdout
    found = {}
    for stanza in text.decode('utf-8', 'replace').split('\n\n'):
        package = checksum = short = None
        body = []
        for line in stanza.split('\n'):
            if line.startswith('Package: '):
                package = line[9:]
            elif line.startswith('Description-md5: '):
                checksum = line[17:]
            elif line.startswith('Description-'):
                short = line.split(':', 1)[1].strip()
            elif line.startswith(' ') and short is not None:
                body.append(line[1:])
        if checksum and short is not None:
            found[checksum] = (package, short, paragraphs_of_description(body))
    return found


# ---------------------------------------------------------------- packages

def files_of_deb(path, wanted):
    """(name, content) of the files of a package whose names match; links are left out."""
    with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', path], stdout=subprocess.PIPE) as unpack:
        with tarfile.open(fileobj=unpack.stdout, mode='r|') as tar:
            for member in tar:
                if member.isfile() and wanted.search(member.name):
                    yield member.name, tar.extractfile(member).read()
        unpack.stdout.read()
    if unpack.returncode != 0:
        raise RuntimeError(f'{path}: dpkg-deb cannot unpack it')


@functools.lru_cache(None)
def english_of(work, source):
    with open(f'{work}/english/{source}.json', encoding='utf-8') as file:
        return json.load(file)


HELP_PAGE = re.compile(r'/help/([^/]+)/(text/.*\.html)$')


def extract_english(work, source, debs):
    """Stores what the translations of a source are joined with."""
    found = {}
    for deb in debs:
        if source == 'firefox':
            for _, data in files_of_deb(deb, re.compile(r'\.xpi$')):
                found.update(messages_of_langpack(data))
        else:
            for name, data in files_of_deb(deb, HELP_PAGE):
                found[HELP_PAGE.search(name).group(2)] = paragraphs_of_help(data.decode('utf-8', 'replace'))
    write_json(f'{work}/english/{source}.json', found)


MO = re.compile(r'/([^/]+)/LC_MESSAGES/([^/]+)\.mo$')


def rows_of_mo(rows, deb, languages):
    for name, data in files_of_deb(deb, MO):
        code, domain = MO.search(name).groups()
        language = language_of(code)
        if language not in languages:
            continue
        for _, english, text in messages_of_mo(data):
            if rows.origin == 'wesnoth':  # "female^Elf" tells equal words apart
                english = re.sub(r'^[\w -]{1,30}\^', '', english)
            rows.add(language, text, english, domain if rows.origin == 'wesnoth' else '')


def rows_of_langpacks(rows, deb, language, work):
    english = english_of(work, 'firefox')
    for _, data in files_of_deb(deb, re.compile(r'\.xpi$')):
        for key, value in messages_of_langpack(data).items():
            if key in english:
                rows.add(language, value, english[key])


def rows_of_help(rows, deb, language, work):
    english = english_of(work, 'lohelp')
    for name, data in files_of_deb(deb, HELP_PAGE):
        page = HELP_PAGE.search(name).group(2)
        for key, text in paragraphs_of_help(data.decode('utf-8', 'replace')).items():
            if key in english.get(page, {}):
                rows.add(language, text, english[page][key], page)


def extract(work, job, languages):
    """Writes the rows of one package; returns what packages.json says of it."""
    rows = Rows(job['source'])
    if job['source'] in ('lo', 'wesnoth'):
        rows_of_mo(rows, job['deb'], languages)
    elif job['source'] == 'firefox':
        rows_of_langpacks(rows, job['deb'], job['language'], work)
    else:
        rows_of_help(rows, job['deb'], job['language'], work)
    for _, text in files_of_deb(job['deb'], re.compile(r'/copyright$')):
        with open(f'{work}/copyright/{job["package"]}', 'wb') as file:
            file.write(text)
    return finish_package(work, job, rows, languages)


def finish_package(work, job, rows, languages):
    with open(f'{work}/raw/{job["package"]}.tsv.partial', 'w', encoding='utf-8') as file:
        file.writelines(line + '\n' for line in rows.lines)
    os.replace(f'{work}/raw/{job["package"]}.tsv.partial', f'{work}/raw/{job["package"]}.tsv')
    done = {'package': job['package'], 'version': job['version'], 'sha256': job['sha256'], 'source': job['source'],
            'licence': LICENCES[job['source']], 'rows': len(rows.lines), 'left_out': rows.dropped,
            'languages': sorted(languages) if job['source'] == 'wesnoth' else [job['language']]}
    write_json(f'{work}/done/{job["package"]}.json', done)
    return done


def extract_descriptions(work, lists, language, english, source_of):
    rows = Rows('ddtp')
    sha256 = sha256_of(lists)
    for checksum, (_, short, paragraphs) in descriptions_of(lists).items():
        if checksum not in english:
            continue
        package, english_short, english_paragraphs = english[checksum]
        document = source_of.get(package, package)
        rows.add(language, short, english_short, document)
        if len(paragraphs) == len(english_paragraphs):
            for text, original in zip(paragraphs, english_paragraphs):
                if '<trans>' not in text:
                    rows.add(language, BULLET.sub('', text), BULLET.sub('', original), document)
    job = {'package': f'Translation-{language}', 'version': sha256[:12], 'sha256': sha256, 'source': 'ddtp',
           'language': language}
    return finish_package(work, job, rows, {language})


# ---------------------------------------------------------------- apt

def sha256_of(path):
    hashed = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            hashed.update(block)
    return hashed.hexdigest()


def write_json(path, value):
    with open(path + '.partial', 'w', encoding='utf-8') as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
    os.replace(path + '.partial', path)


class Apt:
    """apt with state, lists and cache of its own under WORK."""

    running = None  # the process that is at work

    def __init__(self, work, languages):
        root = f'{work}/apt'
        for folder in ('state/lists/partial', 'cache/archives/partial'):
            os.makedirs(f'{root}/{folder}', exist_ok=True)
        self.lists, self.conf = f'{root}/state/lists', f'{root}/apt.conf'
        codes = ' '.join(f'"{code}";' for code in languages) or '"none";'
        # What the system does after an update is not for lists of our own.
        text = (f'#clear Acquire::Languages;\nAcquire::Languages {{ {codes} }};\nDir::State "{root}/state";\n'
                f'Dir::State::status "/var/lib/dpkg/status";\nDir::Cache "{root}/cache";\nAcquire::Retries "3";\n'
                # Images for containers turn these off, and then each call reads all lists again.
                f'Dir::Cache::pkgcache "pkgcache.bin";\nDir::Cache::srcpkgcache "srcpkgcache.bin";\n'
                f'APT::Update::Error-Mode "any";\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n')
        if os.geteuid() == 0:
            text += 'APT::Sandbox::User "root";\n'
        self.same = os.path.exists(self.conf) and open(self.conf, encoding='utf-8').read() == text
        with open(self.conf, 'w', encoding='utf-8') as file:
            file.write(text)

    def run(self, *words, cwd=None):
        process = subprocess.Popen((words[0], '-c', self.conf, *words[1:]), cwd=cwd, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        Apt.running = process
        while True:
            try:
                out, err = process.communicate(timeout=8)
                return subprocess.CompletedProcess(process.args, process.returncode, out, err)
            except subprocess.TimeoutExpired:
                say(f'{words[0]} {words[1]} is still at work')

    def update(self):
        stamp = f'{self.lists}/updated'
        if self.same and os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < LISTS_LAST_S:
            return
        say('fetching the lists of packages')
        result = self.run('apt-get', 'update')
        if result.returncode != 0:
            reasons = re.findall(r'^[EW]: (.*)', result.stderr, re.M)
            stop(11, f'apt cannot fetch the lists of packages: {reasons[0] if reasons else "no reason given"}')
        open(stamp, 'w', encoding='utf-8').close()

    def names(self, prefix):
        return sorted(self.run('apt-cache', 'pkgnames', prefix).stdout.split())

    def candidates(self, packages):
        """{package: (version, sha256)} of the versions that would be downloaded."""
        found = {}
        for stanza in self.run('apt-cache', 'show', '--no-all-versions', *packages).stdout.split('\n\n'):
            fields = dict(re.findall(r'^(Package|Version|SHA256): (\S+)', stanza, re.M))
            if {'Package', 'Version', 'SHA256'} <= fields.keys():
                found.setdefault(fields['Package'], (fields['Version'], fields['SHA256']))
        return found

    def download(self, package, sha256, folder):
        """The path of the package's file; apt itself checks its hash. What is there already is not fetched again."""
        for name in os.listdir(folder):
            if name.startswith(package + '_'):
                if sha256_of(f'{folder}/{name}') == sha256:
                    return f'{folder}/{name}'
                os.unlink(f'{folder}/{name}')
        result = self.run('apt-get', 'download', package, cwd=folder)
        names = [name for name in os.listdir(folder) if name.startswith(package + '_') and name.endswith('.deb')]
        if result.returncode != 0 or not names:
            reasons = re.findall(r'^E: (.*)', result.stderr, re.M)
            raise RuntimeError(f'{package} cannot be downloaded: {reasons[0] if reasons else "no reason given"}')
        return f'{folder}/{names[0]}'

    def sources(self):
        """{package: source package}."""
        stanzas = self.run('apt-cache', 'dumpavail').stdout.split('\n\n')
        fields = (dict(re.findall(r'^(Package|Source): (\S+)', stanza, re.M)) for stanza in stanzas)
        return {f['Package']: f['Source'] for f in fields if 'Source' in f and 'Package' in f}


# ---------------------------------------------------------------- the whole

QUIET = False


def say(line):
    if not QUIET or line.startswith('error:'):
        print(line, file=sys.stderr, flush=True)


def stop(code, line):
    say(f'error: {line}')
    sys.exit(code)


def stop_at_once(*_):
    """On a signal: what is whole stays, what is being written stands under a name that nobody reads."""
    for process in multiprocessing.active_children():
        process.kill()
    if Apt.running is not None and Apt.running.poll() is None:
        Apt.running.terminate()
    say('error: interrupted; run the same command again to go on')
    os._exit(1)


def take_default_signals():
    """Of a worker: the process that it works for stops it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def plan(apt, sources, languages):
    """The packages of the sources that speak of the languages, and those of their English."""
    jobs, english = [], {}
    for source in sources:
        if source == 'ddtp':
            continue
        for name in apt.names(PREFIXES[source]):
            match = re.fullmatch(PATTERNS[source], name)
            if match is None or match.group(1) in NO_TEXT:
                continue
            suffix = match.group(1)
            if source == 'wesnoth':
                jobs.append({'package': name, 'source': source, 'language': 'all'})
            elif suffix in ('en-us', 'en-gb', 'en-ca'):
                if source != 'lo':
                    english.setdefault(source, []).append(name)
            elif source == 'lohelp' and suffix == 'sk':
                continue  # a link to Czech
            elif language_of(suffix) in languages:
                jobs.append({'package': name, 'source': source, 'language': language_of(suffix)})
    return jobs, english


def is_done(work, job):
    path = f'{work}/done/{job["package"]}.json'
    if not os.path.exists(path) or not os.path.exists(f'{work}/raw/{job["package"]}.tsv'):
        return None
    with open(path, encoding='utf-8') as file:
        done = json.load(file)
    same = done['sha256'] == job['sha256'] and set(done['languages']) >= set(job.get('wanted', []))
    return done if same else None


def fetch_english(apt, work, english):
    for source, names in english.items():
        versions = apt.candidates(names)
        stamp = json.dumps(versions, sort_keys=True)
        path = f'{work}/english/{source}.stamp'
        if os.path.exists(path) and open(path, encoding='utf-8').read() == stamp:
            continue
        debs = []
        for name in sorted(versions, reverse=True):  # what comes last wins: Canadian spelling is the more complete
            say(f'fetching {name}')
            debs.append(apt.download(name, versions[name][1], f'{work}/debs'))
        debs.sort(key=lambda deb: '-en-gb' not in deb)
        extract_english(work, source, debs)
        for deb in debs:
            os.unlink(deb)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(stamp)


def fetch_packages(apt, work, jobs, languages):
    versions = apt.candidates([job['package'] for job in jobs]) if jobs else {}
    results, running, failures = [], {}, []
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), initializer=take_default_signals) as pool:
        for i, job in enumerate(jobs, 1):
            if job['package'] not in versions:
                continue
            job['version'], job['sha256'] = versions[job['package']]
            job['wanted'] = sorted(languages) if job['source'] == 'wesnoth' else [job['language']]
            done = is_done(work, job)
            if done:
                results.append(done)
                continue
            say(f'[{i}/{len(jobs)}] fetching {job["package"]} {job["version"]}')
            try:
                job['deb'] = apt.download(job['package'], job['sha256'], f'{work}/debs')
            except RuntimeError as error:
                failures.append(str(error))
                say(f'error: {error}')
                continue
            running[pool.submit(extract, work, job, set(languages))] = job
        for future in concurrent.futures.as_completed(running):
            results.append(future.result())
            os.unlink(running[future]['deb'])
            say(f'{results[-1]["package"]}: {results[-1]["rows"]} rows')
    if failures and not results:
        stop(11, failures[0])
    if failures:
        stop(1, f'{len(failures)} of {len(jobs)} packages could not be fetched; run the same command again to go on')
    return results


def translation_lists(apt, code):
    return sorted(f'{apt.lists}/{name}' for name in os.listdir(apt.lists) if re.search(rf'_Translation-{code}(\.|$)', name))


def without_text(apt, sources, jobs, languages):
    """The languages that none of the sources has."""
    found = {job['language'] for job in jobs}
    if 'all' in found:
        return []  # that package's files tell which languages it has
    return [code for code in languages
            if code not in found and not ('ddtp' in sources and translation_lists(apt, code))]


def fetch_descriptions(apt, work, languages):
    english = {}
    for path in translation_lists(apt, 'en'):
        english.update(descriptions_of(path))
    source_of = apt.sources()
    results = []
    for language in languages:
        for path in translation_lists(apt, language)[:1]:
            results.append(extract_descriptions(work, path, language, english, source_of))
            say(f'Translation-{language}: {results[-1]["rows"]} rows')
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('work')
    parser.add_argument('--languages', required=True)
    parser.add_argument('--sources', default='lo,lohelp,firefox')
    parser.add_argument('--quiet', action='store_true', help='errors alone')
    args = parser.parse_args()
    global QUIET
    QUIET = args.quiet
    languages, sources = args.languages.split(','), args.sources.split(',')
    unknown = [source for source in sources if source not in LICENCES]
    if unknown:
        stop(2, f'unknown source {unknown[0]!r}; there are {", ".join(LICENCES)}')
    missing = [tool for tool in ('apt-get', 'apt-cache', 'dpkg-deb') if shutil.which(tool) is None]
    if missing:
        stop(10, f'there is no {missing[0]} here: the text comes from Debian\'s packages')
    work = os.path.abspath(args.work)
    for folder in ('raw', 'done', 'debs', 'english', 'copyright'):
        os.makedirs(f'{work}/{folder}', exist_ok=True)
    apt = Apt(work, ['en', *languages] if 'ddtp' in sources else [])
    apt.update()
    jobs, english = plan(apt, sources, languages)
    absent = without_text(apt, sources, jobs, languages)
    if len(absent) == len(languages):
        stop(2, f'no source of {", ".join(sources)} has text in {", ".join(absent)}')
    if absent:
        say(f'warning: no source of {", ".join(sources)} has text in {", ".join(absent)}')
    try:
        fetch_english(apt, work, english)
    except RuntimeError as error:
        stop(11, str(error))
    results = fetch_packages(apt, work, jobs, languages)
    if 'ddtp' in sources:
        results += fetch_descriptions(apt, work, languages)
    write_json(f'{work}/packages.json', sorted(results, key=lambda done: (done['source'], done['package'])))


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, stop_at_once)
    signal.signal(signal.SIGINT, stop_at_once)
    main()
