using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace IsolatedAgents.Reports.Attestations;

/// <summary>One signature of an envelope.</summary>
/// <param name="KeyId">Which key made it, as a hint.</param>
/// <param name="Value">The signature.</param>
internal sealed record DsseSignature(string KeyId, ImmutableArray<byte> Value);

/// <summary>A Dead Simple Signing Envelope, version 1: bytes, what they are, and who signed both.</summary>
/// <param name="PayloadType">What the payload is.</param>
/// <param name="Payload">The bytes.</param>
/// <param name="Signatures">The signatures; none where nobody signed.</param>
internal sealed record DsseEnvelope(string PayloadType, ImmutableArray<byte> Payload, ImmutableArray<DsseSignature> Signatures)
{
    /// <summary>An in-toto statement.</summary>
    public const string InToto = "application/vnd.in-toto+json";

    /// <summary>The signed bytes: type and payload, each behind its length, so that neither can be taken for a part of the other.</summary>
    public static byte[] ToBeSigned(string payloadType, ReadOnlySpan<byte> payload)
    {
        byte[] head = Encoding.UTF8.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"DSSEv1 {Encoding.UTF8.GetByteCount(payloadType)} {payloadType} {payload.Length} ")
        );
        return [.. head, .. payload];
    }

    /// <summary>Reads one.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static DsseEnvelope Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            return new DsseEnvelope(
                root.GetProperty("payloadType").GetString() ?? "",
                [.. root.GetProperty("payload").GetBytesFromBase64()],
                [
                    .. root.GetProperty("signatures")
                        .EnumerateArray()
                        .Select(signature => new DsseSignature(
                            signature.TryGetProperty("keyid", out JsonElement id) ? id.GetString() ?? "" : "",
                            [.. signature.GetProperty("sig").GetBytesFromBase64()]
                        )),
                ]
            );
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new FormatException($"It is not a DSSE envelope: {failure.Message}", failure);
        }
    }

    /// <summary>Writes it as JSON.</summary>
    public void Write(Stream output)
    {
        using Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true, NewLine = "\n" });
        json.WriteStartObject();
        json.WriteString("payloadType", PayloadType);
        json.WriteBase64String("payload", Payload.AsSpan());
        json.WriteStartArray("signatures");
        foreach (DsseSignature signature in Signatures)
        {
            json.WriteStartObject();
            json.WriteString("keyid", signature.KeyId);
            json.WriteBase64String("sig", signature.Value.AsSpan());
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
