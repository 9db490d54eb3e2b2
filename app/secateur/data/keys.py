"""What a data.yaml may say: the one list of its keys, which the reader checks and docs/data.md is written from."""

from typing import Final

KEYS: Final = {
    "source": "What is read, relative to this file: any of the sources above but another data.yaml.",
    "task": "What the answers mean, one of the tasks below. Guessed from targets and outputs where it is left out.",
    "metric": (
        "What the task is judged by, one of its own below, or `file.py:function` (outputs and targets → number), with "
        "`{function: file.py:f, better: lower}` where less is better."
    ),
    "classes": "Names of the classes in the network's order, where that is not alphabetical.",
    "mirror": "Whether an image seen in a mirror keeps its meaning: `true` or `false`.",
    "preprocessing": (
        "Of images: `resize`, `crop`, `mean`, `std`, `scale`, `layout`, `dtype`. Of a table of numbers: "
        "`mean` and `std` "
        "(those of the training rows where they are left out; `mean: [0]` and `std: [1]` feed the numbers as they are)."
    ),
    "columns": (
        "Of a table: which columns are `text` (one or two), `features` (numbers), `one_hot` (words, each fed "
        "as a 0 or 1) "
        "and `target`. Names, or numbers from 0; one or a list."
    ),
    "tokenizer": (
        "A `tokenizer.json` or the folder it lies in, relative to this file. The one beside the network where left out."
    ),
    "max_length": "Tokens of the longest text, those that open and close it included; longer ones are cut.",
    "pooling": (
        "Of a similarity: how tokens become a vector, `mean`, `cls` (the first) or `output` (it is one already)."
    ),
    "ignore": "Of a segmentation: the number in a mask of pixels that are not judged, 255 unless said.",
}

SOURCES: Final = {
    "`sample:mnist`": "5,000 handwritten digits, bundled with the program.",
    "`random`": "Random numbers in the shapes of the network's inputs: speed and agreement, no accuracy.",
    "a folder or `.zip` of images": (
        "A folder for each class, optionally below `train/` and `test/` (or `val/`). An archive is read in place."
    ),
    "a folder or `.zip` with `images/` and `masks/`": (
        "Segmentation: a mask of the same name for each image (`cat.jpg`, `cat.png` or `cat_mask.png`), in "
        "one channel, "
        "with the number of its class in each pixel; 255 is judged nowhere; masks of 0 and 255 alone are two classes."
    ),
    "`.npz`": (
        "`images` or `inputs` with `labels` or `targets`; or an array for each input of the network under its name. "
        "Of a segmentation `masks` (samples × height × width, whole numbers; 255 is judged nowhere). "
        "`train`, `test` and `validation` may list the numbers of samples, `classes` their names."
    ),
    "`.csv`, `.tsv`, `.jsonl`, `.parquet`": (
        "A table: text for a network of tokens, numbers for any other. `x-train.csv` beside `x-dev.csv` or "
        "`x-test.csv` is the part that trains; alone, a file of that name judges with all of its rows. "
        "Parquet needs the extra `parquet`."
    ),
    "`file.py:function`": (
        "Your own code, run because you name it: `(inputs, targets)` as arrays, an object whose items are "
        "(input, target), "
        "or one whose items are mappings of an array for each input, with `target` among them or behind them."
    ),
    "`data.yaml`": "A file that names one of these, with what its files cannot say.",
}
