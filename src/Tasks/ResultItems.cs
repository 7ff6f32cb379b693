using System.Buffers;
using System.Globalization;
using System.Text;
using IsolatedAgents.Runs;
using IsolatedAgents.Workspaces;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace IsolatedAgents.Tasks;

/// <summary>Results as MSBuild items. Names come from the agent, so what MSBuild would interpret is escaped.</summary>
internal static class ResultItems
{
    private static readonly SearchValues<char> Special = SearchValues.Create("%*?@$();'\\");

    public static ITaskItem Of(Artifact artifact) =>
        Item(
            artifact.Path,
            ("Name", artifact.Name),
            ("Size", artifact.Size.ToString(CultureInfo.InvariantCulture)),
            ("Sha256", artifact.Sha256)
        );

    public static ITaskItem Of(Violation violation) =>
        Item(
            violation.Subject,
            ("Kind", Kind(violation)),
            ("Rule", violation.Rule),
            ("Subject", violation.Subject),
            ("Reason", violation.Reason),
            ("Action", violation.Action)
        );

    public static ITaskItem Of(WorkspaceChange change) =>
        Item(
            change.Path,
            ("Kind", change.Kind.ToString().ToLowerInvariant()),
            (
                "Status",
                change.Status switch
                {
                    WorkspaceChangeStatus.Applied => "applied",
                    WorkspaceChangeStatus.HeldBack => "held_back",
                    _ => "not_applied",
                }
            ),
            ("RunsCode", change.RunsCode ? "true" : "false"),
            ("Size", change.After?.Size.ToString(CultureInfo.InvariantCulture) ?? ""),
            ("Sha256", change.After?.Sha256 ?? ""),
            ("Reason", change.HeldBackReason ?? "")
        );

    public static string Seconds(TimeSpan duration) => duration.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

    private static string Kind(Violation violation) => violation.Kind.ToString().ToLowerInvariant();

    private static TaskItem Item(string name, params ReadOnlySpan<(string Name, string Value)> metadata)
    {
        var item = new TaskItem(Escape(name));
        foreach ((string key, string value) in metadata)
        {
            ((ITaskItem2)item).SetMetadataValueLiteral(key, value);
        }

        return item;
    }

    private static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAny(Special) < 0)
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        foreach (char character in text)
        {
            if (Special.Contains(character))
            {
                escaped.Append('%').Append(((int)character).ToString("x2", CultureInfo.InvariantCulture));
            }
            else
            {
                escaped.Append(character);
            }
        }

        return escaped.ToString();
    }
}
