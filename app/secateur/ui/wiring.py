"""Which wish of which panel becomes which call of the session: one line each."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from secateur.methods import handle_for
from secateur.session import tables
from secateur.session.notices import HEADLINE
from secateur.ui.actions import TABS_ON_DEMAND

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint

    from secateur.methods.base import Family, Method
    from secateur.methods.offers import HandleKind, Plot
    from secateur.session.session import Session
    from secateur.ui.commands import Commands
    from secateur.ui.display import Display
    from secateur.ui.panels.autopilot import AutopilotPanel
    from secateur.ui.panels.front_panel import FrontPanel
    from secateur.ui.panels.jobs import JobsPanel
    from secateur.ui.panels.steps_card import StepsCard
    from secateur.ui.workspace import Workspace


def connect_panels(workspace: "Workspace", session: "Session", display: "Display", commands: "Commands") -> None:
    """Connect the panels that are there from the start; tabs follow as they are built."""
    plan, bar, jobs, detail = workspace.plan, workspace.plan_bar, workspace.jobs, workspace.detail
    budget = _Gesture("budget")

    def set_method(family: "Family", method: "Method | None", merge: str) -> None:
        session.set_method(display.selected, family, method, merge=merge)
        display.renew_plan()

    def set_model_method(family: "Family", method: "Method | None") -> None:
        session.set_model_method(family, method)
        display.renew_plan()

    def settle_budget(limits: dict[str, float]) -> None:
        session.budget.set(limits, merge=budget.name)
        budget.end()

    plan.method_wanted.connect(set_method)
    plan.model_method_wanted.connect(set_model_method)
    _connect_order(plan.order, session, display)
    plan.keep_wanted.connect(lambda: commands.trigger("keep"))
    plan.clear_wanted.connect(lambda: commands.trigger("float"))
    plan.tab_wanted.connect(detail.show_tab)
    bar.budget_moved.connect(lambda limits: session.budget.set(limits, merge=budget.name))
    bar.budget_settled.connect(settle_budget)
    bar.target_wanted.connect(lambda: commands.trigger("target"))
    bar.reset_wanted.connect(lambda: commands.trigger("reset_plan"))
    bar.run_wanted.connect(lambda: commands.trigger("run"))
    _connect_jobs(jobs, session, commands)
    _connect_autopilot(workspace.autopilot, session, commands)
    _connect_front(workspace, session, display, commands)

    def forget_read_news(tab: str) -> None:
        """The Compare tab says itself what a notice would send a person there for."""
        if tab == "compare":
            session.answered(HEADLINE)

    def note_tab(tab: str) -> None:
        if tab not in TABS_ON_DEMAND:  # what a tab needs is not loaded because it was wanted another day
            session.remembering.set_view(tab=tab)

    def note_columns(columns: dict[str, list[str]]) -> None:
        session.remembering.set_view(columns={tab: list(keys) for tab, keys in columns.items()})

    def note_widths(widths: dict[str, dict[str, int]]) -> None:
        session.remembering.set_view(widths={tab: dict(of_tab) for tab, of_tab in widths.items()})

    layers = workspace.layers
    layers.action_wanted.connect(commands.trigger)
    layers.option_wanted.connect(session.choose_option)
    layers.pins_chosen.connect(lambda names: session.remembering.set_view(pinned=list(names)))
    workspace.widths_changed.connect(note_widths)
    detail.tab_changed.connect(note_tab)
    workspace.columns_changed.connect(note_columns)
    detail.tab_changed.connect(forget_read_news)
    detail.action_wanted.connect(commands.trigger)
    detail.tab_built.connect(lambda key: _CONNECT_TAB[key](detail.tab(key), session, display, commands))


def _connect_front(workspace: "Workspace", session: "Session", display: "Display", commands: "Commands") -> None:
    """What is told of the plan beside it: why a layer is as it is, the whole front, what more damage would buy."""
    told = session.explaining

    def connect(panel: "FrontPanel") -> None:
        panel.axis_wanted.connect(told.show_front)
        panel.axis_wanted.connect(lambda _axis: display.show_front())
        panel.plan_taken.connect(told.take)

    workspace.front_made.connect(connect)
    workspace.plan_bar.front_wanted.connect(lambda: commands.trigger("front"))
    workspace.plan_bar.check_wanted.connect(lambda: commands.trigger("check"))
    display.selection_changed.connect(lambda names: told.look_at(names[0] if len(names) == 1 else ""))
    display.shown.connect(lambda _state: told.renew())


def _connect_order(card: "StepsCard", session: "Session", display: "Display") -> None:
    """What a person does with the order of the steps."""

    def wanted(do: Callable[..., None]) -> Callable[..., None]:
        def then_renew(*values: Any) -> None:
            do(*values)
            display.renew_plan()

        return then_renew

    ordering = session.ordering
    card.move_wanted.connect(wanted(ordering.move))
    card.delete_wanted.connect(wanted(ordering.delete))
    card.double_wanted.connect(wanted(ordering.double))
    card.repeat_wanted.connect(wanted(ordering.repeat))
    card.rounds_wanted.connect(wanted(ordering.set_rounds))
    card.values_wanted.connect(wanted(ordering.set_values))
    card.step_chosen.connect(wanted(ordering.choose))


class _Gesture:
    """A name for one drag after another: the steps of one drag are one undo."""

    def __init__(self, kind: str) -> None:
        self._kind, self._number = kind, 0

    @property
    def name(self) -> str:
        return f"{self._kind} {self._number}"

    def end(self) -> None:
        self._number += 1


def _dragger(session: "Session", display: "Display", plot: "Plot", kind: "HandleKind") -> Callable[[float, str], None]:
    """What takes the drags of a place in a plot: the field that a method's handle ties to it is set."""
    owner, handle = handle_for(plot, kind)

    def drag(value: float, merge: str) -> None:
        layers = display.selected
        planned = session.state.step_of(layers[0], owner.family) if layers else None
        if isinstance(planned, owner):
            base: Method = planned
        elif handle.starts:
            base = owner()
        else:
            return
        if not handle.starts:  # a drag changes what is planned, and plans nothing
            layers = tuple(name for name in layers if session.state.step_of(name, owner.family) == planned)
        session.set_method(layers, owner.family, base.dragged(handle, value), merge=merge)

    return drag


def _connect_weights(tab: Any, session: "Session", display: "Display", commands: "Commands") -> None:
    tab.ratio_wanted.connect(_dragger(session, display, "weight_histogram", "threshold"))
    tab.rank_wanted.connect(_dragger(session, display, "singular_values", "cut"))
    tab.bits_wanted.connect(commands.choose_bits)
    tab.look_wanted.connect(session.looking.ask)
    tab.channel_wanted.connect(session.looking.choose_channel)


def _connect_activations(tab: Any, session: "Session", display: "Display", commands: "Commands") -> None:
    tab.record_wanted.connect(lambda: commands.trigger("record_activations"))
    tab.distribution.clip_wanted.connect(_dragger(session, display, "activation_histogram", "range"))
    tab.look_changed.connect(commands.workspace.arrange)
    sample, following = tab.sample, session.following
    sample.follow_wanted.connect(following.follow)
    sample.samples_wanted.connect(following.show_samples)
    sample.page_wanted.connect(following.read_page)
    sample.close_wanted.connect(following.read_close)
    sample.layer_selected.connect(commands.moving.select_layer)
    sample.data_wanted.connect(lambda: commands.trigger("data"))


def _connect_sensitivity(tab: Any, session: "Session", display: "Display", commands: "Commands") -> None:
    tab.option_chosen.connect(session.choose_option)
    tab.layer_selected.connect(commands.moving.select_layer)
    tab.score_wanted.connect(session.score)
    tab.samples_wanted.connect(lambda samples: tables.measure_on(session, samples))
    layers = commands.workspace.layers

    def open_menu(layer: str, cell: tuple[str, str], place: "QPoint") -> None:
        if layer not in layers.selected():
            layers.select([layer])
        layers.open_menu(place, cell=cell)

    tab.menu_wanted.connect(open_menu)
    tab.map.addAction(commands.window.key_actions["keep"])
    tab.filter_cleared.connect(layers.clear_filter)
    layers.rows_changed.connect(tab.show_rows)
    tab.show_rows(layers.shown_rows)


def _connect_graph(tab: Any, session: "Session", display: "Display", commands: "Commands") -> None:
    tab.graph_wanted.connect(session.read_graph)
    tab.layers_selected.connect(commands.workspace.layers.select)
    commands.window.closing.connect(tab.stop)


def _connect_compare(tab: Any, session: "Session", display: "Display", commands: "Commands") -> None:
    tab.pair_wanted.connect(session.comparing.choose)
    tab.file_wanted.connect(commands.dialogs.compare_file)
    tab.again_wanted.connect(session.comparing.again)
    tab.export_wanted.connect(lambda: commands.trigger("export"))
    tab.report_wanted.connect(commands.open_report)
    tab.plan_wanted.connect(session.load_recipe)
    tab.run_wanted.connect(lambda: commands.trigger("run"))
    tab.layer_selected.connect(commands.moving.select_layer)


def _connect_distil(tab: Any, session: "Session", display: "Display", commands: "Commands") -> None:
    tab.distillation_wanted.connect(lambda method, merge: session.set_model_method("distil", method, merge=merge))


def _connect_netron(tab: Any, session: "Session", display: "Display", commands: "Commands") -> None:
    tab.graph_wanted.connect(session.write_skeleton)
    tab.layer_selected.connect(commands.moving.select_layer)
    commands.window.closing.connect(tab.stop)


_CONNECT_TAB: dict[str, Callable[[Any, "Session", "Display", "Commands"], None]] = {
    "weights": _connect_weights,
    "activations": _connect_activations,
    "sensitivity": _connect_sensitivity,
    "graph": _connect_graph,
    "compare": _connect_compare,
    "distil": _connect_distil,
    "netron": _connect_netron,
}


def _connect_autopilot(panel: "AutopilotPanel", session: "Session", commands: "Commands") -> None:
    piloting = session.piloting
    panel.start_wanted.connect(piloting.start)
    panel.resume_wanted.connect(piloting.resume)
    panel.stop_wanted.connect(commands.stop_job)
    panel.goal_changed.connect(piloting.ask_for)
    panel.take_wanted.connect(piloting.take)
    panel.compare_wanted.connect(commands.show_run)
    panel.export_wanted.connect(commands.export_run)
    panel.close_wanted.connect(lambda: piloting.show(is_open=False))


def _connect_jobs(jobs: "JobsPanel", session: "Session", commands: "Commands") -> None:
    jobs.stop_wanted.connect(commands.stop_job)
    jobs.restore_wanted.connect(session.history.restore)
    jobs.run_shown.connect(commands.show_run)
    jobs.resume_wanted.connect(session.history.resume)
    jobs.wanted.connect(commands.recipes.want)
    jobs.compare_wanted.connect(commands.compare_runs)
    jobs.table_copied.connect(commands.recipes.copy_table)
    jobs.table_saved.connect(commands.recipes.save_table)
    jobs.engine_menu_wanted.connect(lambda: commands.trigger("engine"))
    jobs.bring_back_wanted.connect(lambda: commands.trigger("bring_back"))
