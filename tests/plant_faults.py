"""Plants faults in a copy of the course, one at a time, and looks whether its tests see them.

    python tests/plant_faults.py            all of them: some minutes
    python tests/plant_faults.py 3 16       these

Run it before and after something is deleted: what was caught stays caught. It needs the data that
the tests need. A fault counts as caught if a test is red with it, and green once it is taken out.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {"COURSE_NO_DOWNLOAD": "1", "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", "build", "wheelhouse")
READERS = {".py": ast.parse, ".ipynb": json.loads, ".json": json.loads, ".toml": tomllib.loads}

# number | name | files to look in | test file with options; --nbval: the notebook is the test
#     what to find, in exactly one of these files (`.` is also a line's end) ==> what replaces it
FAULTS = r"""
1 | attention mask swapped in CrossAttention | utils/**/*.py | test_seq2seq.py
    (where\(memory_mask\[:, None\], )(keras\.ops\.cast\(scores[^)]+\)), (-1e9)\) ==> \1\3, \2)
2 | GPT-2's causal mask lets the next token in | utils/**/*.py | test_gpt2.py
    (def (?:make_attention_mask|\w*causal_mask)\(.*?ops\.arange\(T\) <= )(\w+) ==> \g<1>1 + \2
3 | padding counted in the masked accuracy | utils/**/*.py | test_seq2seq.py
    (def compute_masked_accuracy.*?cast\()[^()]+\(targets, PADDING\) ==> \1targets >= 0
4 | labels swapped in load_movie_snippets | utils/**/*.py | test_corpora.py
    (def load_movie_snippets.*?table\["score"\]) > 0 ==> \1 < 0
5 | a row of the test put into training | utils/**/*.py | test_corpora.py
    (def load_movie_snippets.*?\n    table\["split"\] = [^\n]+)
    ==> \1\n    table.loc[(table["split"].eq("test") & decided).idxmax(), "split"] = "train"
6 | a changed byte in an authored data file | data/ner/gold.tsv | test_registry.py -k well_formed
    (\n.*?\t.*?)e ==> \1f
7 | a changed hash in the registry | data/registry.toml | test_corpora.py
    (\[\[movie-snippets\.files\]\].*?sha256 = ")\w ==> \g<1>0
8 | a notebook with one cell not run | notebooks/01_*.ipynb | test_notebooks.py
    (\n   "execution_count": )5(,.*?\n   "outputs": )\[.*?\n   \] ==> \1null\2[]
9 | a notebook run out of order | notebooks/01_*.ipynb | test_notebooks.py
    (\n   "execution_count": )5(,.*?\n   "execution_count": )6, ==> \g<1>6\g<2>5,
10a | a stale number in a sentence | notebooks/*.ipynb | test_sync.py
    (<!--= movie-snippets-lstm gain [^>]+-->)[+.\d]+ ==> \1+0.123
10b | a stale number in README's table of results | README.md | test_sync.py
    (\| test accuracy 0\.)\d ==> \g<1>9
10c | a number in prose that no output holds | notebooks/*.ipynb | test_notebooks.py
    (a factor of 0\.)3( helps) ==> \g<1>3791\2
11 | mask swapped in the notebook, not in utils | notebooks/08*.ipynb | test_definitions.py
    (where\(memory_mask\[:, None\], )(keras\.ops\.cast\(scores[^)]+\)), (-1e9)\) ==> \1\3, \2)
12 | a stored output that the code does not give | notebooks/solutions/*.ipynb | --nbval
    (Not yet: 0\.04)6( is the error) ==> \g<1>7\2
13 | a floor edited by hand | data/results/01.json | test_results.py
    ("floor": 0\.)[^6] ==> \g<1>6
14a | bits of GPT-2 with the wrong base | utils/**/*.py | test_gpt2.py
    (def compute_token_bits.*?/ np\.log\()2\) ==> \g<1>10)
14b | bits of the recurrent models with the wrong base | utils/**/*.py | test_rnn.py
    (def measure_bits.*?/ np\.log\()2\) ==> \g<1>10)
15 | BLEU without the brevity penalty | utils/**/*.py | test_metrics.py
    (def compute_bleu.*?)brevity \* precision ==> \1precision
16a | translator's beam keeps the wrong row | utils/**/*.py | test_translation.py -k prefixes
    (def choose_prefixes.*?\w+) // V ==> \1 % V
16b | GPT-2's beam keeps the wrong row | utils/**/*.py | test_sampling.py -k beams
    (class BeamSearch.*?\w+) // V ==> \1 % V
17 | a checker accepts a wrong answer | utils/**/*.py | test_checks.py
    (def check_pool_mean.*?)return "this counts the padding too[^\n]+ ==> \1return None
18 | a card whose quiz has two right options | data/cards/A.yaml | test_cards.py
    (\n +)- (text: [^\n]+)(?=\n +why:) ==> \1- \2\1  correct: true
19a | a dead anchor in a notebook | notebooks/01_*.ipynb | test_notebooks.py
    (\]\(#\d\.-)\w ==> \1
19b | a dead anchor in the setup page | docs/setup.md | test_repository.py
    (\]\(#\w+)\w\) ==> \1)
20a | a lock with a package of nvidia | requirements.lock | test_course.py -k locks
    \A([^=]+)(==.*?\n)(?=\w) ==> nvidia-nccl-cu13\2\1\2
20b | a lock with a package without a hash | requirements.lock | test_course.py -k locks
    \A(\S+) .*?\n(?=\w) ==> \1\n
21 | a room imports what it may not | utils/**/metrics.py | test_rooms.py
    \Z ==> \nfrom utils.teaching import plots  # noqa
22 | top-p keeps one token too many | utils/**/*.py | test_sampling.py
    (def filter_logits.*?cumsum\(probabilities, axis=-1\) - probabilities)
    ==> \1 - keras.ops.roll(probabilities, 1, axis=-1)
"""


def run_tests(root, arguments):
    """Return pytest's exit code and the first test that failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=no", "-rfE", *arguments]
    env = os.environ | SETTINGS
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    red = re.search(r"^(?:FAILED|ERROR) ([^\s\[]+(?: \d+)?)", done.stdout, re.M)
    return done.returncode, red[1] if red else done.stdout.strip().split("\n")[-1]


def try_fault(root, files, tests, pattern, replacement):
    """Plant a fault, run the tests, take it out again; return a verdict and the reason."""
    texts = {path: path.read_bytes().decode("utf8") for path in root.glob(files)}
    changed = {p: re.sub(pattern, replacement, texts[p], count=1, flags=re.S) for p in texts}
    places = [path for path in texts if changed[path] != texts[path]]
    if len(places) != 1:
        return "error", f"its place is in {len(places)} of {len(texts)} files, not in one"
    READERS.get(places[0].suffix, str)(changed[places[0]])  # a fault is no error of syntax
    name, *options = tests.split()
    found = places if name == "--nbval" else list((root / "tests").rglob(name))
    if len(found) != 1:
        return "error", f"there are {len(found)} files {name}"
    arguments = [*options, *([name] if name == "--nbval" else []), str(found[0].relative_to(root))]
    places[0].write_bytes(changed[places[0]].encode("utf8"))
    code, red = run_tests(root, arguments)
    places[0].write_bytes(texts[places[0]].encode("utf8"))
    if code == 0:
        return "missed", red
    code, said = run_tests(root, [red] if ".py::" in red else arguments)
    return ("caught", red) if code == 0 else ("error", f"red without the fault, too: {said}")


def main(numbers):
    """Try the faults of these numbers, or all; return 1 if one was not caught."""
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        copy = Path(shutil.copytree(ROOT, Path(folder, "course"), ignore=LEFT_OUT, symlinks=True))
        for fault in re.split(r"\n(?=\d)", FAULTS.strip()):
            head, edit = fault.split("\n", 1)
            number, title, files, tests = head.split(" | ")
            pattern, replacement = map(str.strip, edit.split("==> "))
            if not numbers or number.rstrip("abc") in numbers:
                verdict, reason = try_fault(copy, files, tests, pattern, replacement)
                verdicts.append(verdict)
                print(f"{number:4s}{title:52s}{verdict:8s}{reason}", flush=True)
    print(f"{verdicts.count('caught')} of {len(verdicts)} caught")
    return int(set(verdicts) != {"caught"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
