// Tool calls of a script are groat's own: there is nothing to translate, either way.
export {}
