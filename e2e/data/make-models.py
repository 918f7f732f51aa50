"""Makes the demo's data set and its three models. See PROVENANCE.md for what they are and how well they do.

    python3 -m venv /tmp/py && /tmp/py/bin/pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnxruntime==1.32.0
    /tmp/py/bin/python e2e/data/make-models.py

Everything is seeded: the same versions of the libraries write the same CSV and models that answer the same.
"""

import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import sklearn
import skl2onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

SEED = 20261122
FOLDER = Path(__file__).parent
# Supported by onnxruntime 1.14 and later, and so by the onnxruntime-node that serves the models.
OPSET = {"": 17, "ai.onnx.ml": 3}


def split_rows(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to train on and to hold out: two equal halves, stratified by label."""
    rows = np.arange(len(labels))
    train, held_out = train_test_split(rows, test_size=0.5, random_state=SEED, stratify=labels)
    return np.sort(train), np.sort(held_out)


def write_csv(pixels: np.ndarray, labels: np.ndarray, held_out: np.ndarray) -> None:
    """One line a row: its number, the half it belongs to, the digit, and 64 pixels from 0 to 16, row by row."""
    is_held_out = np.isin(np.arange(len(labels)), held_out)
    with open(FOLDER / "digits.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "split", "label", *(f"pixel{number}" for number in range(64))])
        for row, (label, values) in enumerate(zip(labels, pixels)):
            writer.writerow([row, "held-out" if is_held_out[row] else "train", label, *(int(value) for value in values)])


def weaker(pixels: np.ndarray, labels: np.ndarray):
    """1.0.0: a model of few parameters that saw three examples of each digit."""
    few = np.concatenate([np.flatnonzero(labels == digit)[:3] for digit in range(10)])
    return GaussianNB(var_smoothing=1e-1).fit(pixels[few], labels[few])


def better(pixels: np.ndarray, labels: np.ndarray):
    """1.1.0: a support vector machine trained on all training rows; its settings were chosen by cross-validation among those rows."""
    return SVC(gamma=0.001, C=10, probability=True, random_state=SEED).fit(pixels, labels)


def faulty(pixels: np.ndarray, labels: np.ndarray):
    """1.2.0: trained on shuffled labels, as after a broken join; it guesses."""
    shuffled = np.random.default_rng(SEED).permutation(labels)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(pixels, shuffled)


def export(model, path: Path) -> None:
    """Writes a model with one input `pixels` [n, 64] and the outputs `label` [n] and `probabilities` [n, 10]."""
    onnx = to_onnx(
        model,
        initial_types=[("pixels", FloatTensorType([None, 64]))],
        final_types=None,
        options={id(model): {"zipmap": False, "output_class_labels": False}},
        target_opset=OPSET,
    )
    onnx.graph.name = path.stem
    names = {output.name: name for output, name in zip(onnx.graph.output, ["label", "probabilities"])}
    for node in onnx.graph.node:
        for index, output in enumerate(node.output):
            if output in names:
                node.output[index] = names[output]
        for index, source in enumerate(node.input):
            if source in names:
                node.input[index] = names[source]
    for output in onnx.graph.output:
        output.name = names[output.name]
    path.write_bytes(onnx.SerializeToString())


def accuracy(path: Path, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows that the ONNX file itself, not the model it came from, answers rightly."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    answers, probabilities = session.run(["label", "probabilities"], {"pixels": pixels.astype(np.float32)})
    assert answers.dtype == np.int64 and probabilities.shape == (len(labels), 10)
    return float(np.mean(answers == labels))


def main() -> None:
    pixels, labels = load_digits(return_X_y=True)
    train, held_out = split_rows(labels)
    write_csv(pixels, labels, held_out)
    print(f"python {sys.version.split()[0]}, scikit-learn {sklearn.__version__}, skl2onnx {skl2onnx.__version__}, "
          f"onnxruntime {onnxruntime.__version__}, numpy {np.__version__}")
    print(f"{len(train)} training rows, {len(held_out)} held-out rows")
    for version, make in [("1.0.0", weaker), ("1.1.0", better), ("1.2.0", faulty)]:
        path = FOLDER / f"digits-{version}.onnx"
        export(make(pixels[train], labels[train]), path)
        content = path.read_bytes()
        print(f"{path.name}: held-out accuracy {accuracy(path, pixels[held_out], labels[held_out]):.4f}, "
              f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
