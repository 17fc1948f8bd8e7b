# Written by gopherlens setup: what stands below Go's errors in a cell for somebody new to Go or to
# Gopherlens (internal/setup/goshim.go). It reads main.go, and then what go build says.

FNR == NR { source[FNR] = $0; next }

# A value and its error where the value alone is wanted.
/: assignment mismatch: [12] variables? but .* returns [23] values/ && wants() < returns() {
	say(called() " returns an error behind what it makes: " must(returns() - 1) "(" called() "(...)) takes it off, and stops the cell if there is one")
}
/: multiple-value .* \(value of type \(.*error\)\)/ {
	call = after($0, ": multiple-value "); sub(/ \(value of type .*/, "", call)
	say(call " returns an error, too: " must(gsub(/,/, ",", $0) > 1 ? 2 : 1) "(" call ") takes it off, and stops the cell if there is one")
}
/: too many arguments in call to hooked\.Must$/ { say("hooked.Must2 is for what returns two values and an error") }

# A function in the place of what it makes, or that in the place of an option.
/: cannot use .* \(value of .*\) as hooked\.Option value/ {
	what = after($0, ": cannot use "); sub(/ \(value of .*/, "", what)
	type = after($0, " (value of "); sub(/\) as hooked\.Option value.*/, "", type)
	notOption(what, type)
}
/ does not match hooked\.Option/ {
	type = after($0, ", type "); sub(/ does not match hooked\.Option.*/, "", type)
	what = type; sub(/.* of /, "", what)
	sub(/ of [^ ]*$/, "", type)
	notOption(what, type)
}
/: func\(.*\) hooked\.Intervention does not satisfy func\(/ {
	say(here() " is a function that makes an edit: call it, with (" parameters(after($0, ": ")) ")")
}
/: (func\(.*\) )?hooked\.Option does not satisfy func\(.*hooked\.Intervention / {
	say("what stands there makes an option by itself: give it to the run without hooked.Edit around it")
}

/: undefined: [A-Za-z_0-9]+\.[A-Za-z_0-9]+$/ {
	split(after($0, ": undefined: "), name, ".")
	say("package " name[1] " has no " name[2] ": Tab behind " name[1] ". lists what it has")
}
/: declared and not used: / { say("Go builds nothing with a variable that nobody reads: use it, take it out, or write _ in its place") }
/ is not used$/ { say("a cell shows only what it prints: fmt.Println(...), or the Show method of a figure") }

function notOption(what, type) {
	if (type ~ /func.*\) hooked\.Option$/)
		say(what " is a function that makes an option: call it, " what "(" parameters(type) ")")
	else if (type ~ /func.*\) hooked\.Intervention$/)
		say(what " is a function that makes an edit, which is given with its site: hooked.Edit(\"z\", " what "(" parameters(type) "))")
	else if (type ~ /hooked\.Intervention$/)
		say("an edit is given with the site that it changes: hooked.Edit(\"z\", " what ")")
	else if (type ~ /func.*\) hooked\.Entries$/)
		say(what " is a function that picks entries of a site: call it, in what changes or reads them, as in hooked.Zero(" what "(3))")
	else if (type ~ /hooked\.Entries$/)
		say(what " picks entries, and stands in what changes or reads them: hooked.Edit(\"z\", hooked.Zero(" what "))")
}

# must is the function for so many values.
function must(values) { return values == 2 ? "hooked.Must2" : "hooked.Must" }

# wants, returns and called are of an assignment mismatch.
function wants(t) { t = after($0, "mismatch: "); return t + 0 }
function returns(t) { t = after($0, " returns "); return t + 0 }
function called(t) { t = after($0, " but "); sub(/(\(.*\))? returns .*/, "", t); return t }

# here is the last argument of the call at the error's line and column, if that is a name.
function here(place, text) {
	split($0, place, ":")
	text = substr(source[place[2]], place[3])
	return match(text, /, *[A-Za-z_0-9.]+\)/) ? after(substr(text, RSTART + 1, RLENGTH - 2), " ") : "what stands there"
}

# parameters are what stands between the parentheses of a function's type.
function parameters(type) {
	sub(/^[^(]*\(/, "", type)
	sub(/\) hooked\.(Option|Intervention).*/, "", type)
	return type
}

function after(text, mark) { return substr(text, index(text, mark) + length(mark)) }

# say prints an explanation once.
function say(text) { if (!said[text]++) print text }
