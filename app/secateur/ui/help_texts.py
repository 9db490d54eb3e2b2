"""What F1 says about each panel, by the panel's objectName."""

from PySide6.QtWidgets import QWidget

HELP: dict[str, str] = {
    "toolbar": (
        "Open a model, choose the data it is measured on, and measure how sensitive every layer is. A button that "
        "cannot be used now says in its tooltip why, and what would change that. Ctrl+K finds every action."
    ),
    "empty_panel": (
        "Open a model: drop a file here, choose one, or name a Python function that builds the network. The file "
        "that you open is never changed. The sample is a small network with handwritten digits, to try things out."
    ),
    "layers": (
        "Every convolution and linear layer of the open network, in network order. Click a heading to sort by it; a "
        "third click returns to network order. Filter by name, kind, plan (planned, int8) or number (size>50k, "
        "params<1M, ms>0.1, zeros>10%). Select several layers with Shift and Ctrl, or those like this one with "
        "Ctrl+Shift+A. 8 and 4 choose that bit width, Del goes back to float, Ctrl+P pins a layer to the top, K keeps "
        "what is planned for it while the budget chooses for the others (it wears a lock; kept filters them). A right "
        "click shows what else can be done with a row or a column; columns are dragged to move or widen them, and a "
        "double click on a border fits one. A name without room loses what it shares with the others."
    ),
    "weights_tab": (
        "How the weights of the selected layer are distributed. Drag the orange line to prune: everything between the "
        "lines becomes zero (arrow keys move it by 1 %, Shift by 10 %, a double click types a value). Click a bar of "
        "SQNR to choose that bit width. Below: the range of every output channel, which quantization works on. Alt+2 "
        "shows the filters as pictures, Alt+3 the whole matrix (D shows what the plan changes, S sorts), Alt+4 a table "
        "of the channels, Alt+5 the singular values with the cut of low rank (← → move "
        "it); a channel that you select in one is selected in all."
    ),
    "activations_tab": (
        "Distribution: what the selected layer puts out on calibration samples, once it was recorded. Wide tails are "
        "what static quantization clips. One sample: every layer's output for one sample, the original beside the plan "
        "or a run. Choose the sample by number, from the strip, or drop an image or an array. ← and → step through the "
        "layers, ↑ and ↓ through the channels, Return or a click enlarges a map, Esc goes back. The curve says where "
        "the answer starts to change: at each layer, the layers up to it are the compressed ones and the rest is the "
        "original."
    ),
    "sensitivity_tab": (
        "What every option does to the model, one layer at a time: dark is harmless, bright is harmful. Click a cell "
        "(or move with the arrows and press Space) to choose that option for its layer; click again to take it out. "
        "K keeps what is planned for the selected layers while the budget chooses for the others: they wear a lock. "
        "Data-free needs no samples and orders the options well; measured runs the changed model."
    ),
    "graph_tab": (
        "How data flows from layer to layer, block by block. Click the title of a block to fold or unfold it; click a "
        "layer to select it in the table, Ctrl adds. The colour shows any number of the table, the damage of an option "
        "or the error of the shown run. Arrow keys move along the edges, + and − zoom, 0 shows everything, Enter "
        "folds. Type a name into the search box and press Enter to go there."
    ),
    "compare_tab": (
        "Original and result side by side, the bad news first. The curve shows where along the network the error "
        "arises: click a point to select its layer."
    ),
    "distil_tab": (
        "The smaller network learns the original's softened answers. A higher temperature shows more of what the "
        "original takes for similar; the label weight says how much the true labels count besides. "
        "Features: select a layer in the table, or two, and add them as a pair that is to give alike; or take the "
        "suggested ones."
    ),
    "netron_tab": (
        "The whole graph, operator by operator, in Netron: a viewer that runs in a page of its own, on a copy without "
        "weights. Click a node to select its layer in the table; select a layer and the page goes to its node. "
        "Nothing leaves this machine."
    ),
    "plan_panel": (
        "What is planned for the selected layers: switch a method on, set it, and read below what it will do before "
        "anything is run, why the budget chose this for the layer, and what the next better and the next smaller "
        "choice would cost. The lock keeps this choice: the budget leaves these layers as they are planned. Every "
        "change can be undone."
    ),
    "plan_bar": (
        "The whole plan: drag the size or the latency budget, and the options that do least damage within it are "
        "chosen anew; a budget that keeps a layer from a better choice says that it binds. The chart beside them shows "
        "the best plan of every size (Ctrl+Shift+B). The ruler checks the plan (Ctrl+Shift+M): it is measured as a "
        "whole, and solved again within its budget. Run compresses a copy of the model, measures it, and keeps the "
        "result below."
    ),
    "front_panel": (
        "The best plan of every size, or of every latency, with what is predicted to be lost. Point at one to see what "
        "it takes; a click, or ← → and Return, makes it the plan, which can be undone. The filled dot is the present "
        "plan, small dots are results that were measured. Below: what giving up a little more would buy. The kept "
        "choices of layers hold for all of these plans, the budget of the other axis for none. Esc closes it."
    ),
    "autopilot_panel": (
        "Autopilot tries plans one after the other until none promises a smaller or faster model that loses no more "
        "than you allow. Each is a run, with what it came to on the samples that choose (validation) and on those "
        "that judge (test). Stop keeps the best so far; Resume goes on, also after a restart, and by another limit. "
        "Take plan makes a trial's plan the present one, and can be undone."
    ),
    "jobs_panel": (
        "What runs now, how far and how long still; Stop keeps what was there before. Below, every run with its size "
        "and quality: click one in the list or in the plot to go back to its plan."
    ),
    "notices": "What happened and what would help. Dismissing a notice changes nothing else.",
}


def help_of(panel: QWidget) -> str:
    """What a panel says about itself; the panel around it speaks where it has no words of its own."""
    widget: QWidget | None = panel
    while widget is not None:
        if widget.objectName() in HELP:
            return HELP[widget.objectName()]
        widget = widget.parentWidget()
    return HELP["toolbar"]
