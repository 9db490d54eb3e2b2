import sys
sys.path.insert(0,"/tmp/d2")
def test_shot(shown, qapp):
    import fake
    st, sel = fake.make_state(20)
    shown.open(st.model, st.spectra)
    s = shown.session
    s.update(tables=st.tables, recipe=st.recipe, data=st.data, data_source=st.data_source, baseline=st.baseline, runs=st.runs, curve=st.curve, answers=st.answers, activations=st.activations, engine_ready=True)
    shown.layers.select([sel]) if hasattr(shown.layers, "select") else None
    for w, h in ((1440, 900), (1024, 700)):
        shown.window.resize(w, h)
        for k in ("weights", "sensitivity", "compare", "distil", "activations"):
            shown.workspace.detail.show_tab(k)
            for _ in range(5): qapp.processEvents()
            shown.window.grab().save(f"/tmp/d2/win_{k}_{w}.png")
        print(shown.window.size())
