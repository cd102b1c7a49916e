"""Tokens per CPU-second: one compiled loop against `model.predict` for each token.

Both generate from the same GRU, in notebook 02's size, one text at a time, by the same choice
(the most likely token), and must write the same text. Import and compile time are reported apart.

Run: `python -m benchmarks.sample_rnn` (about a minute). It writes
data/results/rnn-sampling.json.
"""

import os
import time

begin = time.process_time()

from utils.runtime import start

start(seed=42)

import keras
import numpy as np

from utils.decoding.filters import draw_gumbel
from utils.decoding.sampling import build_generator
from utils.models.rnn import build_language_model
from utils.results import LEDGER, record_result

IMPORT_SECONDS = time.process_time() - begin

VOCABULARY_SIZE = 71
SIZES = {"embedding_dim": 32, "hidden_dim": 192}
PROMPT = 10  # tokens given
LOOP_TOKENS = 2000
PREDICT_TOKENS = 200
REPEATS = 5


def run_predict_loop(writer: keras.Model, prompt: np.ndarray, num_tokens: int) -> np.ndarray:
    """Generate with a stateful model, one call of `predict` a token."""
    token_ids = list(prompt)
    logits = writer.predict(prompt[None], verbose=0)
    while len(token_ids) < num_tokens:
        token_ids.append(int(logits[0, -1].argmax()))
        logits = writer.predict(np.array([[token_ids[-1]]]), verbose=0)
    return np.array(token_ids)


def measure(function, num_tokens: int) -> float:
    """Return the median of tokens per CPU-second over the repeats."""
    rates = []
    for _ in range(REPEATS):
        begin = time.process_time()
        function()
        rates.append(num_tokens / (time.process_time() - begin))
    return float(np.median(rates))


def main() -> None:
    reader = build_language_model("GRU", VOCABULARY_SIZE, **SIZES)
    writer = build_language_model("GRU", VOCABULARY_SIZE, **SIZES, batch_size=1, stateful=True)
    writer.set_weights(reader.get_weights())
    prompt = np.random.default_rng(0).integers(0, VOCABULARY_SIZE, PROMPT)

    generate = build_generator(reader, top_k=1)
    given = np.full((LOOP_TOKENS, 1), -1, "int32")
    given[:PROMPT, 0] = prompt
    noise = draw_gumbel((LOOP_TOKENS, 1, VOCABULARY_SIZE))
    begin = time.process_time()
    by_loop = keras.ops.convert_to_numpy(generate(given, noise))[:, 0]
    compile_seconds = time.process_time() - begin
    begin = time.process_time()
    for length in (PROMPT, 1):  # the first calls with either shape
        writer.predict(prompt[None, :length], verbose=0)
    first_calls_seconds = time.process_time() - begin
    writer.get_layer("recurrent").reset_states()
    by_predict = run_predict_loop(writer, prompt, PREDICT_TOKENS)
    if not np.array_equal(by_predict, by_loop[:PREDICT_TOKENS]):
        raise SystemExit("the two loops wrote different texts")

    def predict():
        writer.get_layer("recurrent").reset_states()
        run_predict_loop(writer, prompt, PREDICT_TOKENS)

    def loop():
        keras.ops.convert_to_numpy(generate(given, noise))

    predict_rate = measure(predict, PREDICT_TOKENS)
    loop_rate = measure(loop, LOOP_TOKENS)
    compile_seconds -= LOOP_TOKENS / loop_rate
    os.environ["COURSE_RESULTS"] = str(LEDGER)
    result = record_result(
        "rnn-sampling",
        notebook="02",
        model="GRU, 192 units, one text at a time",
        dataset="none: untrained weights",
        metric="tokens per CPU-second, compiled loop over predict loop",
        value=loop_rate / predict_rate,
        baseline=1.0,
        baseline_name="model.predict for each token",
        runs=f"median of {REPEATS}",
        loop_tokens_per_cpu_second=loop_rate,
        predict_tokens_per_cpu_second=predict_rate,
        import_cpu_seconds=IMPORT_SECONDS,
        compile_cpu_seconds=max(compile_seconds, 0.0),
        predict_first_calls_cpu_seconds=first_calls_seconds,
    )
    for key in ("value", "loop_tokens_per_cpu_second", "predict_tokens_per_cpu_second"):
        print(f"{key}: {result[key]:,.0f}")
    for key in ("import_cpu_seconds", "compile_cpu_seconds", "predict_first_calls_cpu_seconds"):
        print(f"{key}: {result[key]:.1f}")


if __name__ == "__main__":
    main()
