"""Excel workbooks (.xlsx, ECMA-376 part 1: SpreadsheetML), read row by row, with what each cell stores.

Read here and not by a library, because both that are kept lose values without a word. For a million cells (50,000 rows
of 20, shared strings):

- this reader: 2.2 s of processor time, 40 MB;
- openpyxl 3.1, read-only: 4.8 s, 73 MB. A phone number in a column that is formatted as a date becomes `#VALUE!`, line
  breaks become `_x000D_`, and a formula whose value was not saved looks like a blank cell;
- python-calamine 0.9: 0.7 s, 122 MB. Errors such as `#NAME?`, by which a retyped token is noticed, become blank cells,
  and a workbook of 5 kB with a cell in the last row and column aborts the process.

The tests compare it with what openpyxl and XlsxWriter write, and with what openpyxl reads.
"""
