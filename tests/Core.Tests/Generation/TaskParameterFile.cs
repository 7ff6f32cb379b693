using System.Security;
using IsolatedAgents.Policies.Keys;

namespace IsolatedAgents.Core.Tests.Generation;

/// <summary>The task's parameters that are policy keys.</summary>
internal static class TaskParameterFile
{
    public static GeneratedFile File { get; } =
        new("src/Tasks/RunIsolatedAgent.Policy.cs", "PolicyKeys", [.. PolicyKeys.All.Select(key => $" {key.PascalName}\n")], _ => $$"""
                using System.Diagnostics.CodeAnalysis;

                namespace IsolatedAgents.Tasks;

                /// <content>
                /// A parameter for each policy key, as the product's table has them. A parameter that is not given leaves the policy file's value; a list replaces the
                /// file's list.
                /// </content>
                [SuppressMessage("Performance", "CA1819", Justification = "MSBuild hands lists over as arrays.")]
                public sealed partial class RunIsolatedAgent
                {
                    private readonly PolicyParameters _policy = new();

                {{string.Join("\n\n", PolicyKeys.All.Select(Parameter))}}
                }

                """);

    private static string Parameter(PolicyKey key) =>
        $$"""
                /// <summary>{{SecurityElement.Escape(key.Meaning).Replace("&apos;", "'", StringComparison.Ordinal)}}</summary>
                public string{{(key.TakesMany ? "[]" : "")}}? {{key.PascalName}}
                {
                    get => _policy.{{(key.TakesMany ? "Many" : "One")}}(nameof({{key.PascalName}}));
                    set => _policy.Set(nameof({{key.PascalName}}), value);
                }
            """;
}
