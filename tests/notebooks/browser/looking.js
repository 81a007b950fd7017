// What the tests ask of the notebook that is open in JupyterLab. A fault is {cell: the cell's id, words}.
window.looking = (() => {
  const panel = () => window.jupyterapp?.shell.currentWidget;
  const cells = () => panel().content.widgets;
  const tags = cell => cell.model.getMetadata("tags") ?? [];
  const isCode = cell => cell.model.type === "code";
  const isWritten = cell => cell.model.sharedModel.getSource().trim() !== "";
  const look = (kind, faultsOf) => cells().filter(kind).flatMap(cell => faultsOf(cell).map(words => ({ cell: cell.model.id, words })));
  const short = text => text.replace(/\s+/g, " ").trim().slice(0, 160);
  const FOLDED = "# Solution"; // the first line of a solution: JupyterLab shows it where the cell is folded
  const seen = {};

  return {
    seen,

    question: () => document.querySelector(".jp-Dialog")?.innerText ?? null,

    isLab: () => Boolean(window.jupyterapp) && !looking.question(),

    open: path => void window.jupyterapp.commands.execute("docmanager:open", { path }),

    isOpen: path =>
      panel()?.context?.path === path &&
      panel().sessionContext?.session?.kernel?.status === "idle" &&
      cells().length > 0 &&
      cells().every(cell => cell.node.isConnected && (isCode(cell) || !isWritten(cell) || cell.node.querySelector(".jp-RenderedMarkdown")?.childNodes.length)),

    watch: () => {
      Object.assign(seen, { sent: 0, replied: 0, failed: false, moves: [], raised: [] });
      const began = new Map();
      panel().sessionContext.session.kernel.anyMessage.connect((_, { msg }) => {
        const { content, parent_header: parent, header: { msg_type: type, date } } = msg;
        if (type === "execute_request" && !content.silent) seen.sent += 1;
        if (type === "execute_reply") {
          seen.replied += 1;
          seen.failed ||= content.status !== "ok";
        }
        if (parent.msg_type !== "comm_msg") return; // what follows is about widgets
        if (type === "error") seen.raised.push(`${content.ename}: ${short(content.evalue)}`);
        if (type === "status" && content.execution_state === "busy") began.set(parent.msg_id, new Date(date));
        if (type === "status" && content.execution_state === "idle") seen.moves.push(new Date(date) - began.get(parent.msg_id));
      });
    },

    isIdle: () => panel().sessionContext.session.kernel.status === "idle",

    hasRun: () =>
      seen.sent > 0 && seen.sent === seen.replied && looking.isIdle() &&
      (seen.failed || seen.replied >= cells().filter(cell => isCode(cell) && isWritten(cell)).length),

    errors: () =>
      look(cell => isCode(cell) && !tags(cell).includes("raises-exception"), cell =>
        cell.model.outputs.toJSON().filter(output => output.output_type === "error").map(({ ename, evalue }) => `${ename}: ${short(evalue)}`)),

    running: () => look(isCode, cell => (cell.model.executionState === "running" ? ["still running"] : [])).slice(0, 1), // the rest wait

    formulas: () =>
      look(() => true, cell => [...cell.node.querySelectorAll(".jp-RenderedMarkdown, .jp-RenderedLatex, .jp-RenderedHTML")].flatMap(area => {
        const prose = document.implementation.createHTMLDocument().importNode(area, true); // there, it loads nothing
        prose.querySelectorAll("mjx-container, code, pre, script, style").forEach(part => part.remove());
        const raw = prose.textContent.match(/.{0,30}(\$|\\[a-zA-Z]).{0,60}/);
        return [
          ...[...area.querySelectorAll("merror")].map(error => `formula error: ${error.dataset.mjxError}: ${short(error.textContent)}`),
          ...[...area.querySelectorAll('mtext[mathcolor="red"]')].map(macro => `undefined macro ${macro.textContent}`),
          ...(raw ? [`formula left raw: ${short(raw[0])}`] : []),
        ];
      })),

    tooWide: () => {
      document.querySelectorAll(".jp-Notebook details").forEach(details => (details.open = true));
      return look(() => true, cell => {
        const reach = part => part.getBoundingClientRect().right;
        const parts = [...cell.node.querySelectorAll("*")].filter(part => !part.closest("mjx-assistive-mml")); // it is clipped
        const scrolls = part => part.scrollWidth > part.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(part).overflowX);
        const box = parts.find(scrolls);
        const [widest] = parts.filter(part => !box || box.contains(part)).sort((one, other) => reach(other) - reach(one));
        const beyond = box ? box.scrollWidth - box.clientWidth : Math.round(reach(widest) - reach(cell.node));
        if (beyond <= 1) return [];
        const lines = [...widest.querySelectorAll(".cm-line")].map(line => line.textContent).sort((one, other) => other.length - one.length);
        const what = widest.closest("mjx-container") ? "a formula" : short(lines[0] ?? widest.textContent) || widest.tagName.toLowerCase();
        return [`${beyond} px too wide: ${what}`];
      });
    },

    // A widget that was closed, as a progress bar is in the end, is empty.
    deadWidgets: () =>
      look(isCode, cell =>
        [...cell.node.querySelectorAll(".jupyter-widgets")].some(widget => /^(Error displaying|Loading) widget/.test(widget.textContent))
          ? ["its widget is not shown"] : []),

    solutions: () =>
      look(cell => cell.model.type === "code" && (tags(cell).includes("solution") || tags(cell).includes("check")), cell => {
        const open = cell.node.querySelector(".jp-InputArea-editor")?.getClientRects().length;
        if (tags(cell).includes("check")) return open ? [] : ["the check is folded"];
        if (open) return ["the solution is open"];
        const shown = cell.node.querySelector(".jp-InputPlaceholder").textContent.trim();
        return shown === FOLDED ? [] : [`collapsed, it still shows: ${shown}`];
      }),

    cellOf: part => cells().find(cell => cell.node.contains(part)).model.id,

    show: id => cells().find(cell => cell.model.id === id)?.node.scrollIntoView({ block: "center" }),

    // A digest of the pictures beside a slider; null while they change.
    pictures: async handle => {
      const images = [...handle.closest(".jp-OutputArea").querySelectorAll("img")];
      try {
        const files = await Promise.all(images.map(async image => (await fetch(image.src)).arrayBuffer()));
        const digests = await Promise.all(files.map(file => crypto.subtle.digest("SHA-256", file)));
        return digests.map(digest => [...new Uint8Array(digest)].join()).join();
      } catch {
        return null;
      }
    },

    isSaved: () => !panel().context.model.dirty,

    // The kernel stays until it is shut down.
    leave: () => {
      const { id, kernel } = panel().sessionContext.session;
      panel().dispose(); // without a question, saved or not
      return { session: id, kernel: kernel.id };
    },

    shutDown: session => window.jupyterapp.serviceManager.sessions.shutdown(session),
  };
})();
