"""Excel workbooks (.xlsx, ECMA-376 part 1: SpreadsheetML), read row by row, with what each cell stores.

Read here and not by a library, because both that are kept lose values without a word. For a million cells (50,000 rows
of 20, shared texts), processor time and peak memory:

- this reader: 3.4 s, 40 MB;
- openpyxl 3.1, read-only: 4.5 s, 73 MB. A phone number in a column that is formatted as a date becomes `#VALUE!`, a
  line break becomes `_x000D_`, and a formula whose value was not saved is a blank cell;
- python-calamine 0.9: 0.7 s, 122 MB. Errors such as `#NAME?`, by which a retyped token is noticed, become blank cells,
  and a workbook of 5 kB with a cell in the last row and column aborts the process.

The tests hold it against what openpyxl writes and reads.
"""
