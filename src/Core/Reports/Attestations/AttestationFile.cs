using IsolatedAgents.Diagnostics;
using IsolatedAgents.Runs;
using IsolatedAgents.Text;

namespace IsolatedAgents.Reports.Attestations;

/// <summary>Writes a run's attestation, and says beforehand whether it can be signed.</summary>
internal static class AttestationFile
{
    public const string Name = "attestation.json";

    /// <summary>The absolute path of a key that can sign; null where none is asked for. Creates nothing.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="shown">Host folders and files that the agent sees.</param>
    /// <exception cref="ConfigurationException">
    /// IA1003: there is no such key, no place for the attestation, or the agent would see the key.
    /// </exception>
    public static string? RequireKey(AgentRunRequest request, IEnumerable<string> shown)
    {
        if (request.AttestationKey is not { Length: > 0 } given)
        {
            return null;
        }

        if (request.ReportDirectory is not { Length: > 0 })
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                "An attestation goes into the report directory, and none is given. Name one."
            );
        }

        string path = Path.GetFullPath(given, request.BaseDirectory);
        string real = Policies.Rules.LinkResolver.Resolve(path) ?? path;
        if (
            shown.FirstOrDefault(folder =>
                real == folder || real.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ) is
            { } holder
        )
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The attestation key '{QuotedText.Of(given)}' lies in '{QuotedText.Of(holder)}', which the agent sees: it could sign anything. Put the key elsewhere."
            );
        }

        try
        {
            AttestationKey.Load(path, toSign: true).Dispose();
            return path;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new ConfigurationException(
                DiagnosticTable.Parameters,
                $"The attestation key '{QuotedText.Of(given)}' cannot be used: {failure.Message} Name a PEM file with a private ECDSA key on P-256, as 'openssl ecparam -genkey -name prime256v1 -noout' makes it."
            );
        }
    }

    /// <summary>Writes it, signed where there is a key.</summary>
    /// <exception cref="IOException">It cannot be written, or the key is gone.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    /// <exception cref="FormatException">The key is another one by now.</exception>
    public static void Write(RunReport report, string sessionRecord, string? keyFile, Stream output)
    {
        byte[] statement = RunStatement.Create(report, sessionRecord);
        using AttestationKey? key = keyFile is null ? null : AttestationKey.Load(keyFile, toSign: true);
        new DsseEnvelope(
            DsseEnvelope.InToto,
            [.. statement],
            key is null ? [] : [new DsseSignature(key.Id, [.. key.Sign(DsseEnvelope.ToBeSigned(DsseEnvelope.InToto, statement))])]
        ).Write(output);
    }
}
