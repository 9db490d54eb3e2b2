// Ties Netron's page to the window around it. Runs in the page's own world when the document is created, behind
// qwebchannel.js; `window.__view__` is Netron 9.3.3's one view, `.target` the graph that it shows.
(() => {
    'use strict';

    const SCHEME = /prefers-color-scheme/;
    let host = null;          // the window's end, once the channel is open
    let view = null;
    let wanted = '';          // the layer that the window wants selected
    let fills = {};           // layer → colour of its nodes; '' is every other node's
    let look = null;
    let silent = false;       // while what happens is our own doing
    let pending = false;
    let nodes = new Map();    // name → nodes of the shown graph
    const waiting = [];
    const dark = new Set();   // the rules that count in the dark alone

    const tell = (method, ...values) => {
        if (host) {
            host[method](...values);
        } else {
            waiting.push([method, values]);
        }
    };

    const isShown = () => Boolean(view && view.target && document.body.classList.contains('default'));

    const selectedName = () => {
        for (const element of view.target.selection) {
            const name = element.value && element.value.name;
            if (name && nodes.has(name) && nodes.get(name).includes(element.value)) {
                return name;
            }
        }
        return '';
    };

    // A click raises two events: the old selection is dropped, then the new one made. One is reported.
    const onSelection = () => {
        if (silent || pending) {
            return;
        }
        pending = true;
        setTimeout(() => {
            pending = false;
            const name = isShown() ? selectedName() : '';
            if (name && name !== wanted) {
                wanted = name;
                tell('receive_click', name);
            }
        }, 0);
    };

    const select = (name) => {
        wanted = name;
        const found = nodes.get(name);
        if (!found || !isShown() || selectedName() === name) {
            return;
        }
        silent = true;
        try {
            view.target.scrollTo(view.target.activate(found[0], 'sidebar'));
        } finally {
            silent = false;
        }
    };

    // The page scrolls to a node once; where it is made smaller the node would be left behind.
    let settling = 0;
    window.addEventListener('resize', () => {
        clearTimeout(settling);
        settling = setTimeout(() => {
            const found = nodes.get(wanted);
            if (found && isShown() && selectedName() === wanted) {
                silent = true;
                try {
                    view.target.scrollTo(view.target.select([found[0]], 'sidebar'));
                } finally {
                    silent = false;
                }
            }
        }, 150);
    });

    const paint = () => {
        for (const node of view.target.target.nodes) {
            const drawn = view.target.find(node);
            const header = drawn && drawn.element && drawn.element.querySelector('.node-item-type');
            if (header) {
                const fill = fills[node.name] || fills[''] || {};
                header.querySelector('path').style.fill = fill.back || '';
                header.querySelector('text').style.fill = fill.ink || '';
            }
        }
    };

    // The page follows the system's light or dark; the window has a choice of its own.
    const dress = () => {
        if (!look || !view) {  // before the view is made the page's own rules are not all there
            return;
        }
        for (const sheet of document.styleSheets) {
            for (const rule of sheet.cssRules) {
                if (rule instanceof CSSMediaRule && SCHEME.test(rule.media.mediaText)) {
                    dark.add(rule);
                }
            }
        }
        for (const rule of dark) {
            rule.media.mediaText = look.dark ? 'all' : 'not all';
        }
        let style = document.getElementById('secateur-look');
        if (!style) {
            style = document.createElement('style');
            style.id = 'secateur-look';
            document.head.appendChild(style);
        }
        style.textContent = look.css;
    };

    const onTarget = (target) => {
        nodes = new Map();
        if (!target) {
            return;
        }
        for (const node of target.target.nodes) {
            if (node.name) {
                nodes.set(node.name, [...(nodes.get(node.name) || []), node]);
            }
        }
        target.on('selectionchange', onSelection);
        paint();
    };

    const hook = (made) => {
        view = made;
        dress();
        const accessor = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(view), 'target');
        Object.defineProperty(view, 'target', {
            configurable: true,
            get: () => accessor.get.call(view),
            set: (target) => {
                accessor.set.call(view, target);
                onTarget(target);
            }
        });
        const show = view.show.bind(view);
        view.show = (page) => {
            show(page);
            if (isShown()) {
                trimMenu();
                tell('shown', nodes.size);
                select(wanted);
            }
        };
        // Netron's own answers to trouble are pages with a button that leads to the internet.
        view.error = async (error, name) => tell('fail', `${name || error.name || 'Error'} ${error.message || ''}`.trim());
        const message = view._host.message.bind(view._host);
        view._host.message = (text, alert, action) => {
            if (!text || action === 'Cancel') {  // "this takes long", and the end of it
                return message(text, alert, action);
            }
            tell('fail', text);
            return new Promise(() => {});
        };
        view._host.openURL = () => {};
    };

    // What belongs to a program of its own: opening other files, reporting issues.
    const trimMenu = () => {
        const isOurs = (item) => item.type !== 'command' || !/Open\.\.\.|Report/.test(item.label.replace('&', ''));
        for (const group of (view._menu && view._menu.items) || []) {
            group.items = group.items.filter(isOurs);
        }
    };

    Object.defineProperty(window, '__view__', { configurable: true, get: () => view, set: hook });

    new QWebChannel(qt.webChannelTransport, (channel) => {
        host = channel.objects.secateur;
        host.layer_wanted.connect(select);
        host.look_wanted.connect((json) => {
            look = JSON.parse(json);
            dress();
        });
        host.fills_wanted.connect((json) => {
            fills = JSON.parse(json);
            if (view && view.target) {
                paint();
            }
        });
        host.greet();
        for (const [method, values] of waiting.splice(0)) {
            host[method](...values);
        }
    });
})();
