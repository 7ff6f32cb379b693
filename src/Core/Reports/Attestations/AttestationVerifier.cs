using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using IsolatedAgents.Outputs;
using IsolatedAgents.Platform.Files;
using IsolatedAgents.Text;

namespace IsolatedAgents.Reports.Attestations;

/// <summary>The result of a verification.</summary>
/// <param name="IsValid">
/// Whether the key's owner has signed the statement, and the artifacts, where they were looked at, are those that it names and no others.
/// </param>
/// <param name="Message">One line for a person.</param>
/// <param name="Verdict">How the run ended by the statement; null where nothing in it can be believed.</param>
/// <param name="SessionId">The run; null likewise.</param>
internal sealed record AttestationVerification(bool IsValid, string Message, string? Verdict, string? SessionId);

/// <summary>Verifies attestations. Nothing of a statement is believed, or even read, before its signature is.</summary>
internal static class AttestationVerifier
{
    /// <summary>Verifies one.</summary>
    /// <param name="envelope">The file's bytes.</param>
    /// <param name="key">The public key.</param>
    /// <param name="artifacts">The folder of the artifacts; null where they are not looked at.</param>
    public static AttestationVerification Verify(ReadOnlyMemory<byte> envelope, AttestationKey key, string? artifacts)
    {
        DsseEnvelope parsed;
        try
        {
            parsed = DsseEnvelope.Parse(envelope);
        }
        catch (FormatException failure)
        {
            return Invalid(failure.Message);
        }

        if (parsed.Signatures.IsEmpty)
        {
            return Invalid("It is not signed.");
        }

        byte[] signed = DsseEnvelope.ToBeSigned(parsed.PayloadType, parsed.Payload.AsSpan());
        if (!parsed.Signatures.Any(signature => key.Verify(signed, signature.Value.AsSpan())))
        {
            return Invalid($"It was changed, or signed by another key than {key.Id}.");
        }

        try
        {
            using JsonDocument statement = JsonDocument.Parse(parsed.Payload.AsMemory());
            return VerifyStatement(parsed, statement.RootElement, artifacts);
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return Invalid($"It is signed, and is not a statement of a run: {failure.Message}");
        }
    }

    private static AttestationVerification VerifyStatement(DsseEnvelope envelope, JsonElement statement, string? artifacts)
    {
        if (
            envelope.PayloadType != DsseEnvelope.InToto
            || statement.GetProperty("_type").GetString() != RunStatement.Type
            || statement.GetProperty("predicateType").GetString() != RunStatement.PredicateType
        )
        {
            return Invalid("It is signed, and is not a statement of a run.");
        }

        JsonElement predicate = statement.GetProperty("predicate");
        string verdict = predicate.GetProperty("isolatedAgents_result").GetProperty("verdict").GetString() ?? "";
        string session = predicate.GetProperty("runDetails").GetProperty("metadata").GetProperty("invocationId").GetString() ?? "";
        ImmutableArray<(string Name, string Sha256)> subjects =
        [
            .. statement
                .GetProperty("subject")
                .EnumerateArray()
                .Select(subject =>
                    (subject.GetProperty("name").GetString() ?? "", subject.GetProperty("digest").GetProperty("sha256").GetString() ?? "")
                ),
        ];
        string? problem = artifacts is null ? null : FindDifference(subjects, artifacts);
        string looked = artifacts is null
            ? "; its artifacts were not looked at"
            : $", and its {Units.Count(subjects.Length, "artifact")} are as they were";
        return problem is null
            ? new AttestationVerification(true, $"Signed{looked}. The run {session} ended as {verdict}.", verdict, session)
            : new AttestationVerification(false, problem, verdict, session);
    }

    private static string? FindDifference(ImmutableArray<(string Name, string Sha256)> subjects, string folder)
    {
        HashSet<string> named = new(StringComparer.Ordinal);
        foreach ((string name, string sha256) in subjects)
        {
            string path = Path.GetFullPath(name, folder);
            if (!path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal) || !File.Exists(path))
            {
                return $"The artifact '{UntrustedText.Display(name)}' is missing.";
            }

            if (FileIdentity.IsSpecial(path) || File.ResolveLinkTarget(path, returnFinalTarget: false) is not null)
            {
                return $"The artifact '{UntrustedText.Display(name)}' is no regular file any more.";
            }

            using FileStream stream = File.OpenRead(path);
            if (Convert.ToHexStringLower(SHA256.HashData(stream)) != sha256)
            {
                return $"The artifact '{UntrustedText.Display(name)}' was changed.";
            }

            named.Add(path);
        }

        return
            Directory
                .EnumerateFiles(
                    folder,
                    "*",
                    new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }
                )
                .FirstOrDefault(file => !named.Contains(file) && Path.GetFileName(file) != OutputDirectory.ManifestName)
                is { } foreign
            ? $"The file '{UntrustedText.Display(Path.GetRelativePath(folder, foreign))}' is not of this run."
            : null;
    }

    private static AttestationVerification Invalid(string message) => new(false, message, null, null);
}
