using System.Net;
using Stoker.Supply.Sources;

namespace Stoker.Tests.Supply.Sources;

public sealed class AddressClassTests
{
    [Theory]
    [InlineData("8.8.8.8", AddressClass.Public)]
    [InlineData("172.32.0.1", AddressClass.Public)]
    [InlineData("2606:4700::1", AddressClass.Public)]
    [InlineData("2a00:1450:4001::1", AddressClass.Public)]
    [InlineData("2001:200::1", AddressClass.Public)]
    [InlineData("2001:4860:4860::8888", AddressClass.Public)]
    [InlineData("64:ff9b::808:808", AddressClass.Public)]
    [InlineData("2002:808:808::1", AddressClass.Public)]
    [InlineData("127.0.0.1", AddressClass.Loopback)]
    [InlineData("127.255.1.2", AddressClass.Loopback)]
    [InlineData("::1", AddressClass.Loopback)]
    [InlineData("::ffff:127.0.0.1", AddressClass.Loopback)]
    [InlineData("10.1.2.3", AddressClass.Private)]
    [InlineData("172.16.0.1", AddressClass.Private)]
    [InlineData("192.168.1.1", AddressClass.Private)]
    [InlineData("100.64.0.1", AddressClass.Private)]
    [InlineData("fd00:ec2::254", AddressClass.Private)]
    [InlineData("::ffff:10.0.0.1", AddressClass.Private)]
    [InlineData("64:ff9b::a00:1", AddressClass.Private)]
    [InlineData("2002:a00:1::", AddressClass.Private)]
    [InlineData("64:ff9b:1::a00:1", AddressClass.Private)]
    [InlineData("64:ff9b:1:ffff:a9:fea9:fe00:0", AddressClass.Private)]
    [InlineData("64:ff9b:1::808:808", AddressClass.Private)]
    [InlineData("2002:7f00:1::", AddressClass.Loopback)]
    [InlineData("2002:a9fe:a9fe::1", AddressClass.LinkLocal)]
    [InlineData("169.254.169.254", AddressClass.LinkLocal)]
    [InlineData("fe80::1", AddressClass.LinkLocal)]
    [InlineData("::ffff:169.254.169.254", AddressClass.LinkLocal)]
    [InlineData("0.0.0.0", AddressClass.Reserved)]
    [InlineData("0.1.2.3", AddressClass.Reserved)]
    [InlineData("::", AddressClass.Reserved)]
    [InlineData("224.0.0.1", AddressClass.Reserved)]
    [InlineData("255.255.255.255", AddressClass.Reserved)]
    [InlineData("ff02::1", AddressClass.Reserved)]
    [InlineData("::10.0.0.1", AddressClass.Reserved)]
    [InlineData("::ffff:0:10.0.0.1", AddressClass.Reserved)]
    [InlineData("64:ff9b:2::1", AddressClass.Reserved)]
    [InlineData("100::1", AddressClass.Reserved)]
    [InlineData("2001::1", AddressClass.Reserved)]
    [InlineData("2001:0:4136:e378:8000:63bf:f5ff:fffe", AddressClass.Reserved)] // Teredo, its host 10.0.0.1
    [InlineData("2001:1ff::1", AddressClass.Reserved)]
    [InlineData("2001:db8::1", AddressClass.Reserved)]
    [InlineData("3fff:fff::1", AddressClass.Reserved)]
    [InlineData("5f00::1", AddressClass.Reserved)]
    public void Of_AnAddress_IsWhatItLeadsTo(string address, AddressClass kind) =>
        Assert.Equal(kind, AddressClasses.Of(IPAddress.Parse(address)));
}
