#!/usr/bin/env python3
"""Reviews the C# source of a workspace; writes review.json and review.md. Standard library only, Python 3.9 and later.

Reads the folder given as argument, or $ISOLATED_AGENTS_WORKSPACE, or /workspace; writes to --output, or
$ISOLATED_AGENTS_OUTPUT, or /output. Findings do not fail it unless --fail-on says so. Exit codes: 0 done, 1 findings
at or above --fail-on, 2 usage (no such workspace).

The rules work on tokens, never on text: what stands in a string, a comment or a branch that #if leaves out is not code.
"""

import argparse
import bisect
import json
import os
import re
import sys

VERSION = "1"
SKIPPED_FOLDERS = {"bin", "obj", "artifacts", "node_modules", "TestResults"}
GENERATED = re.compile(r"\.(g|g\.i|designer|generated)\.cs$", re.IGNORECASE)
MAX_FILE_BYTES = 2_000_000
MAX_FINDINGS_IN_MARKDOWN = 500
SEVERITIES = ("error", "warning", "info")

RULES = {
    "async-void": ("error", "An async void method cannot be awaited, and an exception in it ends the process."),
    "empty-catch": ("error", "An empty catch block hides every failure."),
    "swallowed-exception": ("warning", "Every exception is caught and none is rethrown, logged or looked at."),
    "blocking-wait": ("warning", "Blocking on a task wastes a thread and can deadlock."),
    "thread-sleep": ("warning", "Thread.Sleep holds a thread; a delay or a signal does not."),
    "long-method": ("warning", "A long method does more than one thing."),
    "deep-nesting": ("warning", "Deeply nested code is hard to follow."),
    "long-file": ("info", "A long file is hard to find one's way in."),
    "missing-docs": ("info", "A public type has no XML documentation."),
    "todo": ("info", "Work that somebody put off."),
}


# --- tokens -----------------------------------------------------------------------------------------------------------

ID, NUMBER, STRING, CHAR, PUNCT = "id", "number", "string", "char", "punct"


class Token:
    """One token; `doc` tells that a documentation comment stands between it and the token before."""

    __slots__ = ("kind", "text", "line", "doc")

    def __init__(self, kind, text, line, doc=False):
        self.kind = kind
        self.text = text
        self.line = line
        self.doc = doc

    def __repr__(self):
        return f"{self.text}@{self.line}"


class Lexer:
    """Cuts a C# file into tokens and comments. Never fails: what cannot be C# is taken as one character of punctuation."""

    TOKEN = re.compile(
        r"""
          (?P<space>[^\S\n]+)
        | (?P<newline>\n)
        | (?P<comment>//[^\n]*|/\*(?:.|\n)*?(?:\*/|\Z))
        | (?P<raw>\$*\"{3,})
        | (?P<interpolated>\$@?\"|@\$\")
        | (?P<verbatim>@\"(?:[^\"]|\"\")*(?:\"|\Z)(?:u8)?)
        | (?P<string>\"(?:[^\"\\\n]|\\.)*(?:\"|(?=\n)|\Z)(?:u8)?)
        | (?P<char>'(?:[^'\\\n]|\\.)[^'\n]{0,10}')
        | (?P<id>@?[^\W\d]\w*)
        | (?P<number>\.?\d(?:[eE][+-]\d|\w|\.(?=\d))*)
        | (?P<punct>=>|::|\?\?=?|&&|\|\||==|!=|<=|->|\+\+|--|[-+*/%&|^]=|[^\w\s])
        """,
        re.VERBOSE,
    )
    DIRECTIVE = re.compile(r"[^\S\n]*#[^\S\n]*(\w+)([^\n]*)")

    def __init__(self, text):
        self.text = text
        self.tokens = []
        self.comments = []  # (line, text)
        self.breaks = [m.start() for m in re.finditer("\n", text)]
        self.doc = False
        self.branches = []  # one a nested #if: was a branch of it already taken?

    def line_of(self, position):
        return bisect.bisect_left(self.breaks, position) + 1

    def run(self):
        position = self.directives(0)
        while position < len(self.text):
            position = self.code(position, inside_string=False)
            if position < len(self.text):
                self.emit(PUNCT, "}", position)  # one too many: keep it, the structure walk copes
                position += 1
        return self

    def emit(self, kind, text, position):
        self.tokens.append(Token(kind, text, self.line_of(position), self.doc))
        self.doc = False

    def code(self, position, inside_string):
        """Reads code up to the end or, inside an interpolated string, up to its `}` or `:`. Returns where it stopped."""
        text, depth = self.text, 0
        while position < len(text):
            match = self.TOKEN.match(text, position)
            if match is None:
                position += 1
                continue
            kind, value, start = match.lastgroup, match.group(), position
            position = match.end()
            if kind == "newline":
                if not inside_string:
                    position = self.directives(position)
            elif kind == "comment":
                # "////" is a ruler, not documentation.
                if (value.startswith("///") and not value.startswith("////")) or (value.startswith("/**") and len(value) > 4):
                    self.doc = True
                self.comments.append((self.line_of(start), value))
            elif kind == "raw":
                position = self.raw_string(start, value)
            elif kind == "interpolated":
                position = self.interpolated_string(start, value)
            elif kind in ("verbatim", "string"):
                self.emit(STRING, value, start)
            elif kind == "punct":
                if inside_string:
                    if value in ("(", "[", "{"):
                        depth += 1
                    elif value in (")", "]") and depth > 0:
                        depth -= 1
                    elif value == "}" and depth > 0:
                        depth -= 1
                    elif value in ("}", ":") and depth == 0:
                        return start
                self.emit(PUNCT, value, start)
            elif kind != "space":
                self.emit(kind, value, start)
        return position

    def hole(self, position, opening, closing):
        """The expression of an interpolated string, in parentheses; then its format, which is text. Returns the place after."""
        self.emit(PUNCT, "(", position)
        position = self.code(position + len(opening), inside_string=True)
        end = self.text.find(closing, position)
        end = len(self.text) if end < 0 else end + len(closing)
        self.emit(PUNCT, ")", min(end, len(self.text)) - 1)
        return end

    def interpolated_string(self, start, opening):
        text, verbatim, position = self.text, "@" in opening, start + len(opening)
        self.emit(STRING, opening, start)
        while position < len(text):
            character = text[position]
            if character == '"':
                if verbatim and text.startswith('""', position):
                    position += 2
                    continue
                return position + 1
            if character == "\\" and not verbatim:
                position += 2
            elif character == "{":
                position = position + 2 if text.startswith("{{", position) else self.hole(position, "{", "}")
            elif character == "\n" and not verbatim:
                return position  # not closed: the line ends it
            else:
                position += 1
        return position

    def raw_string(self, start, opening):
        text = self.text
        dollars = opening.count("$")
        quotes = opening[dollars:]
        self.emit(STRING, opening, start)
        position = start + len(opening)
        if dollars == 0:
            end = text.find(quotes, position)
            if end < 0 and "\n" not in text[position:]:
                return len(text)
            end = len(text) if end < 0 else end + len(quotes)
            while end < len(text) and text[end] == '"':
                end += 1
            return end
        braces = re.compile(r"\{+")
        while position < len(text):
            if text.startswith(quotes, position):
                position += len(quotes)
                while position < len(text) and text[position] == '"':
                    position += 1
                return position
            match = braces.match(text, position)
            if match is None:
                position += 1
            elif len(match.group()) < dollars:
                position = match.end()
            else:
                position = self.hole(match.end() - dollars, "{" * dollars, "}" * dollars)
        return position

    def directives(self, position):
        """At the start of a line: passes over directives and over the branches that are left out. The first branch of an
        #if counts, unless it is `#if false`: both at once would leave braces unbalanced."""
        while True:
            match = self.DIRECTIVE.match(self.text, position)
            if match is None:
                return position
            name, rest = match.group(1), match.group(2).split("//")[0].strip()
            position = min(match.end() + 1, len(self.text))
            if name == "if":
                taken = rest not in ("false", "0")
                self.branches.append(taken)
                if not taken:
                    position = self.left_out(position)
            elif name in ("elif", "else") and self.branches:
                position = self.left_out(position)
            elif name == "endif" and self.branches:
                self.branches.pop()
            if position >= len(self.text):
                return position

    def left_out(self, position):
        """Passes over lines up to the branch that counts, or up to the #endif."""
        depth = 0
        while position < len(self.text):
            match = self.DIRECTIVE.match(self.text, position)
            end = self.text.find("\n", position)
            end = len(self.text) if end < 0 else end + 1
            if match is not None:
                name = match.group(1)
                if name == "if":
                    depth += 1
                elif name == "endif":
                    if depth == 0:
                        self.branches.pop()
                        return end
                    depth -= 1
                elif name in ("elif", "else") and depth == 0 and not self.branches[-1]:
                    self.branches[-1] = True
                    return end
            position = end
        return position


# --- structure --------------------------------------------------------------------------------------------------------

MODIFIERS = {
    "public", "private", "protected", "internal", "static", "sealed", "abstract", "virtual", "override", "readonly", "async",
    "partial", "extern", "unsafe", "new", "ref", "required", "file", "const", "volatile", "event", "implicit", "explicit",
    "fixed", "scoped", "in", "out", "params", "delegate",
}
TYPE_KEYWORDS = {"class", "struct", "interface", "enum", "record"}
CONTROL_WITH_HEAD = {"if", "for", "foreach", "while", "switch", "catch", "using", "lock", "fixed", "when"}
CONTROL_ALONE = {"else", "try", "finally", "do", "unsafe", "checked", "unchecked", "catch"}
ACCESSORS = {"get", "set", "init", "add", "remove"}
NOT_A_NAME = MODIFIERS | CONTROL_WITH_HEAD | CONTROL_ALONE | {
    "return", "throw", "await", "yield", "is", "as", "typeof", "nameof", "sizeof", "default", "base", "this", "stackalloc",
    "case", "goto", "where", "operator", "and", "or", "not", "with", "var",
}

CLOSERS = {")": "(", "]": "[", "}": "{"}


def pairs_of(tokens):
    """For each bracket the index of its partner; -1 where it has none."""
    partner = [-1] * len(tokens)
    stack = []
    for index, token in enumerate(tokens):
        if token.kind != PUNCT:
            continue
        if token.text in ("(", "[", "{"):
            stack.append(index)
        elif token.text in CLOSERS:
            while stack and tokens[stack[-1]].text != CLOSERS[token.text]:
                stack.pop()
            if stack:
                partner[index] = stack[-1]
                partner[stack.pop()] = index
    return partner


class Block:
    """A pair of braces that is open while the tokens are walked."""

    __slots__ = ("kind", "name", "open", "header", "depth", "public", "method", "line", "deepest", "deepest_line")

    def __init__(self, kind, open_index, header, depth, name="", public=True, method=None, line=1):
        self.kind = kind  # file, namespace, type, members, method, control, catch, lambda, block, expression
        self.name = name
        self.open = open_index
        self.header = header
        self.depth = depth
        self.public = public
        self.method = method if method is not None else self
        self.line = line
        self.deepest = 0
        self.deepest_line = 0


class Reviewer:
    """Walks the tokens of one file and notes findings."""

    def __init__(self, path, text, options):
        lexer = Lexer(text).run()
        self.path = path
        self.options = options
        self.tokens = lexer.tokens
        self.comments = lexer.comments
        self.partner = pairs_of(self.tokens)
        self.lines = len(lexer.breaks) + (0 if text.endswith("\n") or not text else 1)
        self.findings = []
        self.undocumented = []  # (type name with namespace, line, keyword): decided when all parts of a partial type are known
        self.documented = set()
        self.namespace = ""
        self.methods = []  # (first token, last token) of every body, outermost first

    def report(self, rule, line, message, severity=None):
        self.findings.append({"rule": rule, "severity": severity or RULES[rule][0], "file": self.path, "line": line, "message": message})

    def run(self):
        self.walk()
        self.calls()
        self.notes()
        if self.lines > self.options.max_file_lines:
            self.report("long-file", 1, f"{self.lines} lines; at most {self.options.max_file_lines} are wanted.")
        return self

    # Structure: which brace is what.

    def walk(self):
        tokens = self.tokens
        stack = [Block("file", -1, 0, 0)]
        depth = start = 0
        for index, token in enumerate(tokens):
            if token.kind != PUNCT:
                continue
            text = token.text
            if text in ("(", "["):
                depth += 1
            elif text in (")", "]"):
                depth = max(depth - 1, stack[-1].depth)
            elif text == ";" and depth == stack[-1].depth:
                self.statement(stack, start, index)
                start = index + 1
            elif text == "{":
                block = self.classify(stack, start, index, depth)
                stack.append(block)
                start = index + 1
            elif text == "}" and len(stack) > 1:
                block = stack.pop()
                depth = block.depth
                self.leave(block, index)
                start = block.header if block.kind in ("lambda", "expression") else index + 1
        if stack[0].deepest > self.options.max_nesting:
            self.nested("The top-level code", stack[0])

    def classify(self, stack, start, index, depth):
        tokens, outer = self.tokens, stack[-1]
        before = tokens[index - 1].text if index > start else ""
        line = tokens[start].line if start < index else tokens[index].line

        def block(kind, name="", public=True, method=outer.method):
            return Block(kind, index, start, depth, name, public, method, line)

        def nesting(kind):
            made = block(kind)
            level = 1 + sum(1 for b in stack if b.method is outer.method and b.kind in ("control", "catch", "lambda"))
            if level > outer.method.deepest:
                outer.method.deepest, outer.method.deepest_line = level, tokens[index].line
            return made

        if before == "=>":
            return nesting("lambda")
        if depth > outer.depth:
            if before == ")" and self.partner[index - 1] > 0 and tokens[self.partner[index - 1] - 1].text == "delegate":
                return nesting("lambda")
            return block("expression")
        if before == "" or before == ":":
            return block("block" if outer.kind not in ("type", "namespace") else "members")
        if before == "switch":
            return block("expression")  # x switch { … }
        if before in CONTROL_ALONE:
            return nesting("catch" if before == "catch" else "control")
        if before == ")":
            opening = self.partner[index - 1]
            word = tokens[opening - 1].text if opening > 0 else ""
            if word in CONTROL_WITH_HEAD and tokens[opening - 1].kind == ID:
                return nesting("catch" if word in ("catch", "when") else "control")
            if word == "delegate":
                return nesting("lambda")

        head = self.head(start, index)
        keyword = self.type_keyword(head)
        in_members = outer.kind in ("file", "namespace", "type")
        if in_members and any(tokens[i].text == "namespace" for i in head):
            self.namespace = ".".join(tokens[i].text for i in head if tokens[i].kind == ID and tokens[i].text != "namespace")
            return block("namespace")
        if in_members and keyword is not None:
            name, public = self.declared_type(stack, head, keyword, start)
            return block("type", name, public)
        if in_members and head and tokens[head[0]].text == "extension":
            return block("type", outer.name, outer.public)
        if outer.kind == "members" and before in ACCESSORS:
            return Block("method", index, start, depth, f"{outer.name}.{before}", True, None, line)
        name = self.method_name(head, in_members and outer.kind != "file")
        if name is not None:
            return Block("method", index, start, depth, name, True, None, self.signature_line(head, line))
        if outer.kind == "type" and not any(tokens[i].text == "=" for i in head):
            names = [tokens[i].text for i in head if tokens[i].kind == ID]
            return block("members", names[-1] if names else "")
        return block("expression")

    def head(self, start, end):
        """The indexes of a header's tokens without attributes and without what stands in brackets."""
        result, index = [], start
        while index < end:
            text = self.tokens[index].text
            if self.tokens[index].kind == PUNCT and text in ("(", "[", "{") and index < self.partner[index] < end:
                if not (text == "[" and not result):
                    result.append(index)
                index = self.partner[index] + 1
                continue
            result.append(index)
            index += 1
        return result

    def type_keyword(self, head):
        """The place in `head` of class, struct …, where a type is declared: after modifiers only, before its name."""
        for place, index in enumerate(head):
            text = self.tokens[index].text
            if text in TYPE_KEYWORDS:
                following = self.tokens[head[place + 1]] if place + 1 < len(head) else None
                if following is not None and following.kind == ID:
                    return place
                return None
            if text not in MODIFIERS:
                return None
        return None

    def declared_type(self, stack, head, place, start):
        tokens = self.tokens
        keyword = tokens[head[place]].text
        if tokens[head[place + 1]].text in ("class", "struct") and keyword == "record":
            place += 1
            keyword = "record " + tokens[head[place]].text
        name = tokens[head[place + 1]].text if place + 1 < len(head) else "?"
        modifiers = {tokens[i].text for i in head[:place]}
        outer = [b for b in stack if b.kind == "type"]
        full = ".".join([self.namespace] + [b.name for b in outer[-1:]] + [name])
        nested_name = (outer[-1].name + "." if outer else "") + name
        inherits_public = bool(outer) and outer[-1].public and tokens[outer[-1].open].text == "{" and self.is_interface(outer[-1])
        public = ("public" in modifiers or inherits_public) and all(b.public for b in outer)
        documented = any(tokens[i].doc for i in range(start, head[place] + 1))
        if documented:
            self.documented.add(full)
        elif public:
            self.undocumented.append((full, tokens[head[place]].line, keyword, nested_name))
        return nested_name, public

    def is_interface(self, block):
        return any(t.text == "interface" for t in self.tokens[block.header:block.open])

    def method_name(self, head, in_type):
        """The name, where a header is a method's, a constructor's, an operator's or a local function's."""
        tokens = self.tokens
        words = [tokens[i].text for i in head]
        if "operator" in words:
            return "operator"
        for place, index in enumerate(head):
            text = words[place]
            if text in ("=", "=>", "return", "throw", "await", "new", "+=", "??=", "case", "is") and not (text == "new" and in_type):
                return None
            if text != "(" or tokens[index].kind != PUNCT or place == 0:
                continue
            name = place - 1
            if words[name] == ">":  # Name<T>(…)
                level = 0
                while name > 0:
                    level += {">": 1, "<": -1}.get(words[name], 0)
                    name -= 1
                    if level == 0:
                        break
            token = tokens[head[name]]
            if token.kind != ID or token.text in NOT_A_NAME:
                continue
            after = words[place + 1] if place + 1 < len(head) else ""
            if after not in ("", ":", "where", "=>"):
                return None
            if in_type:
                return token.text
            # A local function has a type before its name; a call has none, or a dot.
            if name > 0 and words[name - 1] not in (".", "!", "-", "?.", "::", "=>") and tokens[head[name - 1]].text not in (";",):
                previous = tokens[head[name - 1]]
                if previous.kind == ID or previous.text in (">", "]", "?", "*", "[", "("):
                    return token.text
            return None
        return None

    def signature_line(self, head, line):
        return self.tokens[head[0]].line if head else line

    def statement(self, stack, start, index):
        """What ends with a semicolon among members: a type without a body, a delegate, a method with an expression body."""
        outer, tokens = stack[-1], self.tokens
        if outer.kind not in ("file", "namespace", "type") or start >= index:
            return
        head = self.head(start, index)
        words = [tokens[i].text for i in head]
        if words and words[0] == "namespace":
            self.namespace = ".".join(tokens[i].text for i in head[1:] if tokens[i].kind == ID)
            return
        place = self.type_keyword(head)
        if place is not None:
            self.declared_type(stack, head, place, start)
            return
        if "delegate" in words and "public" in words[:words.index("delegate")] and "=" not in words:
            if not any(tokens[i].doc for i in range(start, index)) and all(b.public for b in stack):
                name = next((words[p - 1] for p, w in enumerate(words) if w == "(" and p > 0 and tokens[head[p - 1]].kind == ID), "?")
                self.undocumented.append((f"{self.namespace}.{outer.name}.{name}", tokens[head[0]].line, "delegate", name))
            return
        if "=>" in words:
            name = self.method_name(head[:words.index("=>")], outer.kind != "file")
            if name is not None:
                self.methods.append((start, index))
                self.measure(name, self.signature_line(head, 1), tokens[index].line)
                self.check_async_void(head, name)

    def leave(self, block, index):
        tokens = self.tokens
        if block.kind == "method":
            self.methods.append((block.header, index))
            self.measure(block.name, block.line, tokens[index].line)
            if block.deepest > self.options.max_nesting:
                self.nested(block.name, block)
            self.check_async_void(self.head(block.header, block.open), block.name)
        elif block.kind == "catch":
            self.check_catch(block, index)

    # Rules on structure.

    def measure(self, name, first, last):
        length = last - first + 1
        if length > self.options.max_method_lines:
            self.report("long-method", first, f"{name} has {length} lines; at most {self.options.max_method_lines} are wanted.")

    def nested(self, name, block):
        self.report("deep-nesting", block.deepest_line,
                    f"{name} nests {block.deepest} levels deep; at most {self.options.max_nesting} are wanted.")

    def check_async_void(self, head, name):
        tokens = self.tokens
        words = [tokens[i].text for i in head]
        if "async" not in words or "void" not in words or "override" in words:
            return
        opening = next((head[p] for p, w in enumerate(words) if w == "(" and p > words.index("void")), None)
        if opening is None:
            return
        parameters = [t.text for t in tokens[opening + 1:self.partner[opening]]]
        if any(p.endswith(("EventArgs", "EventArg")) for p in parameters) or "sender" in parameters:
            return
        self.report("async-void", tokens[head[words.index("void")]].line, f"{name} is async void; let it return Task.")

    def check_catch(self, block, close):
        tokens = self.tokens
        start = block.open - 1
        filtered = False
        while start >= 0 and tokens[start].text != "catch":
            filtered = filtered or tokens[start].text == "when"
            start = self.partner[start] - 1 if tokens[start].text == ")" and self.partner[start] > 0 else start - 1
        if start < 0:
            return
        declared = []
        if tokens[start + 1].text == "(" and self.partner[start + 1] > 0:
            declared = [t.text for t in tokens[start + 2:self.partner[start + 1]]]
        type_name = ".".join(w for w in (declared[:-1] if len(declared) > 1 and declared[-2] != "." else declared) if w != ".")
        variable = declared[-1] if len(declared) > 1 and declared[-2] != "." else None
        catches_all = type_name in ("", "Exception", "System.Exception")
        body = tokens[block.open + 1:close]
        catches_all = catches_all and not filtered
        what = "every exception" if catches_all else "what its filter lets in" if filtered else type_name
        line = tokens[start].line
        if not body:
            first, last = tokens[block.open].line, tokens[close].line
            if any(first <= number <= last and len(text.strip("/* \t")) > 3 for number, text in self.comments):
                return  # somebody says why
            self.report("empty-catch", line, f"This catch block is empty and hides {what}.", "error" if catches_all else "warning")
            return
        if not catches_all:
            return
        words = [t.text for t in body]
        if "throw" in words or (variable is not None and variable in words):
            return
        if any(t.kind == ID and re.search(r"log|trace|warn|error|report|fail|record|writeline|exit", t.text, re.IGNORECASE) for t in body):
            return
        self.report("swallowed-exception", line, "This catch block takes every exception and neither rethrows, logs nor looks at it.")

    # Rules on calls.

    def calls(self):
        tokens = self.tokens
        tasks = self.task_names()
        for i in range(2, len(tokens) - 1):
            token = tokens[i]
            if token.kind != ID or tokens[i - 1].text != ".":
                continue
            following = tokens[i + 1].text
            if token.text == "Sleep" and tokens[i - 2].text == "Thread" and following == "(":
                self.report("thread-sleep", token.line, "Thread.Sleep blocks the thread; wait for what is waited for, or use Task.Delay.")
            elif token.text == "GetResult" and following == "(" and tokens[i - 2].text == ")" and tokens[i - 3].text == "(" \
                    and tokens[i - 4].text == "GetAwaiter":
                self.report("blocking-wait", token.line, "GetAwaiter().GetResult() blocks the thread; use await.")
            elif token.text == "Result" and following not in ("(", "=", "<") and self.is_task(i - 2, tasks):
                self.report("blocking-wait", token.line, ".Result blocks the thread; use await.")
            elif token.text in ("Wait", "WaitAll", "WaitAny") and following == "(" \
                    and (self.is_task(i - 2, tasks) if token.text == "Wait" else tokens[i - 2].text == "Task"):
                self.report("blocking-wait", token.line, f".{token.text}() blocks the thread; use await.")

    def task_names(self):
        """Names that this file declares as tasks, or that hold what an …Async call gave without awaiting it."""
        tokens, names = self.tokens, set()
        for i in range(len(tokens) - 3):
            text = tokens[i].text
            if text in ("Task", "ValueTask"):
                j = i + 1
                if tokens[j].text == "<":
                    level = 0
                    while j < len(tokens):
                        level += {"<": 1, ">": -1}.get(tokens[j].text, 0)
                        j += 1
                        if level == 0:
                            break
                while j < len(tokens) and tokens[j].text in ("?", "[", "]"):
                    j += 1
                if j + 1 < len(tokens) and tokens[j].kind == ID and tokens[j + 1].text in ("=", ";", ",", ")", "{", "=>"):
                    names.add(tokens[j].text)
            elif text == "=" and tokens[i - 1].kind == ID and tokens[i - 2].text == "var":
                j = i + 1
                while j < len(tokens) and tokens[j].text not in (";", "{"):
                    j = self.partner[j] if tokens[j].text in ("(", "[") and self.partner[j] > j else j + 1
                    if j < len(tokens) and tokens[j].text in (")", "]"):
                        j += 1
                if j < len(tokens) and tokens[j].text == ";" and tokens[i + 1].text != "await" and self.is_task(j - 1, names):
                    names.add(tokens[i - 1].text)
        return names

    def is_task(self, index, names):
        """Whether the expression that ends at `index` is a task, as far as its words tell, that nobody has awaited before."""
        tokens = self.tokens
        end = index
        while index >= 0 and tokens[index].text in (")", "]", "!") and tokens[index].kind == PUNCT:
            if tokens[index].text == "!":
                index -= 1
                continue
            if self.partner[index] < 0:
                return False
            called = tokens[index].text == ")"
            index = self.partner[index] - 1
            if index >= 0 and tokens[index].text == ">":  # Name<T>(…)
                level = 0
                while index > 0:
                    level += {">": 1, "<": -1}.get(tokens[index].text, 0)
                    index -= 1
                    if level == 0:
                        break
            if called:
                if index < 0 or tokens[index].kind != ID:
                    return False
                name = tokens[index].text
                owner = tokens[index - 2].text if index > 1 and tokens[index - 1].text == "." else ""
                if owner in ("Task", "ValueTask"):
                    return name in ("Run", "WhenAll", "WhenAny", "Delay", "FromResult")
                if name == "ConfigureAwait":
                    return False
                return name == "AsTask" or (name.endswith("Async") and name != "Async")
        if index < 0 or tokens[index].kind != ID:
            return False
        name = tokens[index].text
        if name not in names and not re.search(r"(^t|T)asks?$", name):
            return False
        return not self.awaited_before(name, index, end)

    def awaited_before(self, name, index, end):
        tokens = self.tokens
        bodies = [m for m in self.methods if m[0] <= index <= m[1]]
        start = max((m[0] for m in bodies), default=max(0, index - 2000))
        waiting = False
        for i in range(start, index):
            text = tokens[i].text
            if text in ("await", "IsCompleted", "IsCompletedSuccessfully"):
                waiting = True
                if text != "await" and tokens[i - 2].text == name:
                    return True
            elif text in (";", "{", "}"):
                waiting = False
            elif waiting and text == name:
                return True
        return False

    # Comments.

    NOTE = re.compile(r"(?:^|(?<=\s))(TODO|FIXME|HACK|XXX)\b(?=\s*[:(-]|\s|$)(.*)")

    def notes(self):
        for line, text in self.comments:
            for offset, part in enumerate(text.split("\n")):
                part = part.strip().lstrip("/*").rstrip("*/").strip()
                match = self.NOTE.search(part)
                # In the middle of a sentence the word is talked about, not used, unless a colon or a name follows.
                if match is None or (match.start(1) > 0 and not re.match(r"\s*[:(]", match.group(2))):
                    continue
                note = part[match.start(1):]
                self.report("todo", line + offset, note if len(note) <= 120 else note[:119] + "…")


# --- the whole workspace ----------------------------------------------------------------------------------------------

def source_files(root):
    """C# files below the folder, in a fixed order; no link is followed."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not f.startswith("."))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.lower().endswith(".cs") and not GENERATED.search(name) and not os.path.islink(path):
                yield os.path.relpath(path, root).replace(os.sep, "/"), path


def read_text(path):
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"is over {MAX_FILE_BYTES} bytes")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")


def is_test(path):
    return any(re.fullmatch(r"(?i)tests?|.*\.tests?|.*[a-z]Tests", part) for part in path.split("/")[:-1])


def review(root, options, progress):
    findings, skipped, undocumented, documented = [], [], [], set()
    files = lines = 0
    folder = None
    for name, path in source_files(root):
        here = os.path.dirname(name) or "."
        if here != folder:
            folder = here
            progress(f"Reading {here}/")
        try:
            text = read_text(path)
        except (OSError, ValueError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
            skipped.append({"file": name, "reason": reason})
            continue
        if "<auto-generated" in text[:2000]:
            continue
        reviewer = Reviewer(name, text, options).run()
        files += 1
        lines += reviewer.lines
        findings += reviewer.findings
        documented |= reviewer.documented
        if not is_test(name):
            undocumented += [(name, *entry) for entry in reviewer.undocumented]
    reported = set()
    for name, full, line, keyword, short in undocumented:
        if full not in documented and full not in reported:  # one of the parts of a partial type is enough
            reported.add(full)
            findings.append({"rule": "missing-docs", "severity": RULES["missing-docs"][0], "file": name, "line": line,
                             "message": f"Public {keyword} {short} has no XML documentation."})
    findings.sort(key=lambda f: (f["file"], f["line"], f["rule"], f["message"]))
    return {
        "tool": "review.py",
        "version": VERSION,
        "options": {"max_method_lines": options.max_method_lines, "max_nesting": options.max_nesting,
                    "max_file_lines": options.max_file_lines},
        "summary": {
            "files": files,
            "lines": lines,
            "findings": len(findings),
            "by_severity": {s: sum(1 for f in findings if f["severity"] == s) for s in SEVERITIES},
            "by_rule": {r: n for r in RULES if (n := sum(1 for f in findings if f["rule"] == r)) > 0},
        },
        "skipped": skipped,
        "findings": findings,
    }


def plural(count, word):
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def inert(text):
    """Text of a reviewed file as a Markdown table cell that can be nothing but text."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return re.sub(r"([\\`*_{}\[\]<>|#!~&])", r"\\\1", text)


def markdown(result):
    summary = result["summary"]
    out = ["# Code review", ""]
    severities = ", ".join(plural(n, s if s != "info" else "note") for s, n in summary["by_severity"].items() if n)
    out.append(f"{plural(summary['files'], 'file')}, {plural(summary['lines'], 'line')}, "
               f"{plural(summary['findings'], 'finding')}{': ' + severities if severities else ''}.")
    if summary["by_rule"]:
        out += ["", "| rule | severity | findings | why |", "|---|---|---:|---|"]
        out += [f"| {r} | {RULES[r][0]} | {n} | {RULES[r][1]} |" for r, n in summary["by_rule"].items()]
    shown = 0
    for severity in SEVERITIES:
        found = [f for f in result["findings"] if f["severity"] == severity]
        if not found or shown >= MAX_FINDINGS_IN_MARKDOWN:
            continue
        out += ["", f"## {'Notes' if severity == 'info' else severity.capitalize() + 's'}", "", "| where | rule | what |", "|---|---|---|"]
        found = found[:MAX_FINDINGS_IN_MARKDOWN - shown]
        shown += len(found)
        out += [f"| {inert(f['file'])}:{f['line']} | {f['rule']} | {inert(f['message'])} |" for f in found]
    if shown < summary["findings"]:
        out += ["", f"{summary['findings'] - shown:,} more are in review.json."]
    if result["skipped"]:
        out += ["", "## Not reviewed", ""]
        out += [f"- {inert(s['file'])}: {inert(s['reason'])}" for s in result["skipped"]]
    return "\n".join(out) + "\n"


def write(path, text):
    with open(path + ".part", "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(path + ".part", path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Reviews C# source and writes review.json and review.md.")
    parser.add_argument("workspace", nargs="?", default=os.environ.get("ISOLATED_AGENTS_WORKSPACE") or "/workspace")
    parser.add_argument("--output", default=os.environ.get("ISOLATED_AGENTS_OUTPUT") or "/output", help="folder for the two reports")
    parser.add_argument("--max-method-lines", type=int, default=60, metavar="N")
    parser.add_argument("--max-nesting", type=int, default=4, metavar="N")
    parser.add_argument("--max-file-lines", type=int, default=400, metavar="N")
    parser.add_argument("--fail-on", choices=SEVERITIES, help="exit with 1 when there is a finding this severe or worse")
    parser.add_argument("--quiet", action="store_true", help="print the summary only")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")

    if not os.path.isdir(options.workspace):
        print(f"review.py: no such folder: {options.workspace}", file=sys.stderr)
        return 2
    progress = (lambda text: None) if options.quiet else (lambda text: print(text, flush=True))
    result = review(options.workspace, options, progress)

    os.makedirs(options.output, exist_ok=True)
    write(os.path.join(options.output, "review.json"), json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    write(os.path.join(options.output, "review.md"), markdown(result))

    summary = result["summary"]
    by = summary["by_severity"]
    print(f"Reviewed {plural(summary['files'], 'file')} ({plural(summary['lines'], 'line')}): {plural(by['error'], 'error')}, "
          f"{plural(by['warning'], 'warning')}, {plural(by['info'], 'note')}. See review.md.")
    if options.fail_on and any(by[s] for s in SEVERITIES[:SEVERITIES.index(options.fail_on) + 1]):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
