# What the scripts that show and train things share; they set $dir, where results stand, and $work, a folder of their own.

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

# Prints a command and runs it; it must end with the exit code EXPECTED (0 unless said).
try() {
  printf '$ %s\n' "$*"
  local code=0
  eval "$*" 2>&1 || code=$?
  [ "$code" -eq "${EXPECTED:-0}" ] || {
    printf 'error: exit code %s, expected %s\n' "$code" "${EXPECTED:-0}" >&2
    exit "$code"
  }
}

# The same for a stage whose result stays: where the same command has ended before, what it said is shown again.
once() {
  local done=$dir/done/$1
  shift
  if [ -e "$done" ] && [ "$(head -n 1 "$done")" = "$*" ]; then
    printf '$ %s\n(done before)\n' "$*"
    tail -n +2 "$done"
    return
  fi
  mkdir -p "$dir/done"
  printf '%s\n' "$*" > "$done.partial"
  printf '$ %s\n' "$*"
  (set +e; eval "$*") | tee -a "$done.partial" || exit "${PIPESTATUS[0]}"
  mv "$done.partial" "$done"
}

# Language, sentence, what it means: in languages that the demo and the long runs share. Two are of no kind that the text has.
sentences() {
  cat <<'END'
de	Klicken Sie auf OK, um die Änderungen zu speichern.	Click OK to save the changes.
de	Zeigt die Symbolleiste an.	Shows the toolbar.
it	Impossibile aprire il documento.	Unable to open the document.
it	Domani andremo al mare con mia madre.	Tomorrow we will go to the sea with my mother.
nl	Voer de naam van het document in.	Enter the name of the document.
nl	Verwijdert de geselecteerde rijen van de tabel.	Deletes the selected rows of the table.
ru	Выберите файл, который хотите открыть.	Select the file that you want to open.
ru	Сколько стоит этот хлеб?	How much is this bread?
END
}

# Of each sentence its translation, what it means, and by how many words these share whether that is a success.
judge() {
  awk -F '\t' '
    function words(text, into,    n, i, part) {
      split("", into)
      gsub(/[[:punct:]]/, " ", text)
      n = split(tolower(text), part, " ")
      for (i = 1; i <= n; ++i) into[part[i]]++
      return n
    }
    {
      m = words($3, wanted); n = words($4, given); shared = 0
      for (word in given) shared += given[word] < wanted[word] ? given[word] : wanted[word]
      share = m + n > 0 ? 2 * shared / (m + n) : 0
      verdict = share >= 0.7 ? "success" : share >= 0.4 ? "half" : "failure"
      count[verdict]++
      printf "  %-7s  %s  %s\n              %s\n              is: %s\n", verdict, $1, $2, $4, $3
    }
    END { printf "%d successes, %d halves, %d failures\n", count["success"], count["half"], count["failure"] }'
}

# The eight sentences by the model of a run, beside what they mean.
eight_sentences() {
  sentences | cut -f 2 > "$work/sources.txt"
  try "gshard translate --model $1/model < $work/sources.txt > $work/translations.txt"
  paste <(sentences) "$work/translations.txt" | judge
}
