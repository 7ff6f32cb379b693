using System.Text.RegularExpressions;

namespace IsolatedAgents.Policies.Rules;

/// <summary>Names of container images.</summary>
internal static partial class ImageReferences
{
    private const int MaxLength = 512;

    /// <summary>Accepts <c>name</c>, <c>name:tag</c>, <c>host:port/name:tag@sha256:…</c> and the bare id <c>sha256:…</c>.</summary>
    public static Checked<string> Check(string image)
    {
        if (CharacterRules.Problem(image, allowBlanks: false) is { } problem)
        {
            return Checked<string>.Refused(problem);
        }

        return image.Length <= MaxLength && Reference().IsMatch(image)
            ? image
            : Checked<string>.Refused("write an image such as 'python:3.11-slim', in lower case, or with its digest 'name@sha256:…'");
    }

    [GeneratedRegex(
        @"\A(?:sha256:[0-9a-f]{64}|(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?/)?"
            + @"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?)\z",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Reference();
}
