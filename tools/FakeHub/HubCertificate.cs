using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace FakeHub;

/// <summary>An authority made for one hub, and a certificate of its for this machine; both valid for a day.</summary>
internal sealed class HubCertificate : IDisposable
{
    private readonly X509Certificate2 _authority;

    private HubCertificate(X509Certificate2 authority, X509Certificate2 server)
    {
        _authority = authority;
        Server = server;
    }

    internal X509Certificate2 Server { get; }

    internal string CaPem => _authority.ExportCertificatePem();

    internal static HubCertificate Make(IReadOnlyList<string> alsoNames)
    {
        var from = TimeProvider.System.GetUtcNow().AddHours(-1);
        var until = from.AddDays(1);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authorityRequest = new CertificateRequest("CN=FakeHub authority", authorityKey, HashAlgorithmName.SHA256);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        authorityRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        var authority = authorityRequest.CreateSelfSigned(from, until);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        foreach (var name in alsoNames) names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var signed = request.Create(authority, from, until, RandomNumberGenerator.GetBytes(8));
        return new HubCertificate(authority, signed.CopyWithPrivateKey(key));
    }

    public void Dispose()
    {
        _authority.Dispose();
        Server.Dispose();
    }
}
