// Letters typed on a list of choices.

/** Milliseconds without a letter after which the next letter begins another word. */
const WORD = 1000;

/** Let typed letters choose the first choice that begins with them, wherever the choice stood.
 *
 * Browsers begin to look behind the present choice: with tanh chosen, "tanh" leads to tanhshrink. As
 * in browsers, one letter again and again goes through all choices that begin with it. */
export function prepareTyping(form) {
  let word = { list: null, text: "", at: 0 };
  form.addEventListener("focusout", () => { word = { list: null, text: "", at: 0 }; });
  form.addEventListener("keydown", (event) => {
    const { target: list, key, timeStamp: at } = event;
    if (list.tagName !== "SELECT" || key.length !== 1 || event.ctrlKey || event.altKey || event.metaKey) return;
    const goesOn = word.list === list && at - word.at < WORD;
    // A space that is no part of a word opens the list.
    if (key === " " && !goesOn) return;
    event.preventDefault();
    word = { list, text: (goesOn ? word.text : "") + key.toLowerCase(), at };
    const found = choiceOf(list, word.text);
    if (found === undefined || found.selected) return;
    found.selected = true;
    list.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText" }));
  });
}

function choiceOf(list, text) {
  const beginning = (start) => [...list.options].filter((each) => each.text.toLowerCase().startsWith(start));
  const [first] = beginning(text);
  if (first !== undefined || text !== text[0].repeat(text.length)) return first;
  const all = beginning(text[0]);
  return all[(all.findIndex((each) => each.selected) + 1) % all.length];
}
