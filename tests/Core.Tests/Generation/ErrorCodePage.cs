using IsolatedAgents.Diagnostics;

namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>The page that help links point at.</summary>
internal static class ErrorCodePage
{
    public static GeneratedFile File { get; } =
        new(
            "docs/error-codes.md",
            "DiagnosticRows",
            [.. DiagnosticRows.All.Select(row => $"<a id=\"{row.Code.ToLowerInvariant()}\"></a>{row.Code}")],
            _ =>
                $"""
                    # Error codes

                    Each error and warning of the product has a code, which never changes its meaning. A build shows it in the line, with a link to this page;
                    `NoWarn`, `WarningsAsErrors` and `TreatWarningsAsErrors` reach each of them. This page follows from the product's own table.

                    | code | what it means | what to do |
                    |---|---|---|
                    {string.Join('\n', DiagnosticRows.All.Select(Row))}

                    """
        );

    private static string Row(DiagnosticRow row) =>
        $"| <a id=\"{row.Code.ToLowerInvariant()}\"></a>{row.Code} | {Only(row)}{row.Meaning}{(row.AsWarning is null ? "" : $" As a warning: {Lower(row.AsWarning)}")} | {row.WhatToDo} |";

    private static string Only(DiagnosticRow row) => row.IsOnly is null ? "" : $"Only a {row.IsOnly}. ";

    private static string Lower(string text) => char.ToLowerInvariant(text[0]) + text[1..];
}
